package config

import (
	"strconv"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// The variables that name an account without a configuration file. The
// vendor's Terraform provider reads the first, third and fourth (provider).
const (
	TokenVariable    = "DBT_CLOUD_TOKEN"
	APITokenVariable = "DBT_CLOUD_API_TOKEN"
	AccountVariable  = "DBT_CLOUD_ACCOUNT_ID"
	HostVariable     = "DBT_CLOUD_HOST_URL"
)

// EnvironmentLabel is the label of the account that FromEnvironment returns.
const EnvironmentLabel = "default"

// Flags are --token-ref, --account-id and --host as they were typed; empty: not
// given. They are texts so that a token typed in the wrong place is refused
// here, where no error repeats it.
type Flags struct {
	TokenRef  string
	AccountID string
	Host      string
}

// FromEnvironment returns the configuration of the one account that flags and
// environment variables name; a flag goes before a variable. An *Error names
// everything that is missing or wrong, and what to do.
func FromEnvironment(getenv func(string) string, flags Flags) (Config, error) {
	found := &problems{}
	a := Account{Name: EnvironmentLabel, Host: DefaultHost, RequestsPerMinute: dbtcloud.DefaultPerMinute}

	switch {
	case flags.TokenRef != "":
		ref, err := secrets.ParseRef(flags.TokenRef)
		if err != nil {
			found.add(0, "--token-ref", "%v", err)
		}
		a.Token = ref
	case getenv(TokenVariable) != "":
		a.Token = secrets.Ref{Scheme: secrets.Env, Path: TokenVariable}
	case getenv(APITokenVariable) != "":
		a.Token = secrets.Ref{Scheme: secrets.Env, Path: APITokenVariable}
	default:
		found.add(0, "", "no token: set %s, or give --token-ref, or write a configuration file (tokenwarden config init)", TokenVariable)
	}

	if id, where := first(flags.AccountID, "--account-id", getenv(AccountVariable), AccountVariable); id == "" {
		found.add(0, "", "no account: set %s, or give --account-id (the number in the address of your dbt account)", AccountVariable)
	} else if n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 64); err != nil || n <= 0 {
		found.add(0, where, "expected the account's number")
	} else {
		a.ID = n
	}

	if host, where := first(flags.Host, "--host", getenv(HostVariable), HostVariable); host != "" {
		var err error
		if a.Host, err = dbtcloud.ParseHost(host); err != nil {
			found.add(0, where, "%v", err)
		}
	}
	if err := found.err(""); err != nil {
		return Config{}, err
	}
	c := Default()
	c.Accounts = []Account{a}
	return c, nil
}

func first(flag, flagName, variable, variableName string) (value, name string) {
	if flag != "" {
		return flag, flagName
	}
	return variable, variableName
}
