package vaultkv

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// The settings of a login. Where Vault is and what to trust comes from the
// variables of Vault's own clients, see FromEnv.
const (
	envAuth         = "TOKENWARDEN_VAULT_AUTH"           // token (the default), approle, kubernetes, jwt, github, aws
	envMount        = "TOKENWARDEN_VAULT_AUTH_MOUNT"     // where the method is mounted, if not at its own name
	envRole         = "TOKENWARDEN_VAULT_ROLE"           // kubernetes, jwt, github, aws: the role to log in to
	envRoleID       = "TOKENWARDEN_VAULT_ROLE_ID"        // approle
	envSecretID     = "TOKENWARDEN_VAULT_SECRET_ID"      // approle
	envSecretIDFile = "TOKENWARDEN_VAULT_SECRET_ID_FILE" // approle, instead
	envJWT          = "TOKENWARDEN_VAULT_JWT"            // jwt
	envJWTFile      = "TOKENWARDEN_VAULT_JWT_FILE"       // jwt, instead; kubernetes, if not at the usual place
	envAudience     = "TOKENWARDEN_VAULT_JWT_AUDIENCE"   // github: the audience to ask for
	envAWSServerID  = "TOKENWARDEN_VAULT_AWS_SERVER_ID"  // aws: the value of X-Vault-AWS-IAM-Server-ID
	envAWSRegion    = "TOKENWARDEN_VAULT_AWS_STS_REGION" // aws: see AWS.Region
)

// FromEnv reads the settings from environment variables, through getenv
// (os.Getenv or a stand-in). Where Vault is: VAULT_ADDR, VAULT_NAMESPACE,
// VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT, VAULT_CLIENT_KEY,
// VAULT_TLS_SERVER_NAME and VAULT_SKIP_VERIFY, as for the vault command. How to
// log in: VAULT_TOKEN or else the file ~/.vault-token, unless
// TOKENWARDEN_VAULT_AUTH names another way. Errors name the variable at fault.
func FromEnv(getenv func(string) string) (Config, error) {
	cfg := Config{
		Address:   getenv("VAULT_ADDR"),
		Namespace: strings.Trim(getenv("VAULT_NAMESPACE"), "/"),
		TLS: api.TLSConfig{
			CACert:        getenv("VAULT_CACERT"),
			CAPath:        getenv("VAULT_CAPATH"),
			ClientCert:    getenv("VAULT_CLIENT_CERT"),
			ClientKey:     getenv("VAULT_CLIENT_KEY"),
			TLSServerName: getenv("VAULT_TLS_SERVER_NAME"),
		},
	}
	if skip := getenv("VAULT_SKIP_VERIFY"); skip != "" {
		insecure, err := strconv.ParseBool(skip)
		if err != nil {
			return Config{}, errors.New("VAULT_SKIP_VERIFY must be true or false")
		}
		cfg.TLS.Insecure = insecure
	}
	auth, err := authFromEnv(getenv)
	cfg.Auth = auth
	return cfg, err
}

func authFromEnv(getenv func(string) string) (api.AuthMethod, error) {
	method := cmp.Or(getenv(envAuth), "token")
	// need returns the first of the variables that is set.
	need := func(names ...string) (string, error) {
		for _, name := range names {
			if v := strings.TrimSpace(getenv(name)); v != "" {
				return v, nil
			}
		}
		return "", fmt.Errorf("%s=%s needs %s", envAuth, method, strings.Join(names, " or "))
	}
	switch method {
	case "token":
		return Token(func() (secrets.Value, error) { return tokenFromEnv(getenv) }), nil
	case "approle":
		roleID, err := need(envRoleID)
		if err != nil {
			return nil, err
		}
		if _, err := need(envSecretID, envSecretIDFile); err != nil {
			return nil, err
		}
		return AppRole(getenv(envMount), roleID, valueOrFile(getenv(envSecretID), getenv(envSecretIDFile))), nil
	case "kubernetes", "jwt", "github", "aws": // below: they have a role in common
	default:
		return nil, fmt.Errorf("%s must be token, approle, kubernetes, jwt, github or aws", envAuth)
	}

	role, err := need(envRole)
	if err != nil {
		return nil, err
	}
	switch method {
	case "kubernetes":
		return Kubernetes(getenv(envMount), role, getenv(envJWTFile)), nil
	case "jwt":
		if _, err := need(envJWT, envJWTFile); err != nil {
			return nil, err
		}
		return JWT(getenv(envMount), role, valueOrFile(getenv(envJWT), getenv(envJWTFile))), nil
	case "github":
		url, err := need("ACTIONS_ID_TOKEN_REQUEST_URL")
		if err != nil {
			return nil, fmt.Errorf("%w, which a GitHub Actions job has when its workflow says \"permissions: id-token: write\"", err)
		}
		gitHub := GitHubActions{
			URL:      url,
			Token:    secrets.NewValue(getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")),
			Audience: getenv(envAudience),
		}
		return JWT(getenv(envMount), role, gitHub.JWT), nil
	default: // aws
		return AWS{Mount: getenv(envMount), Role: role, ServerID: getenv(envAWSServerID), Region: getenv(envAWSRegion)}, nil
	}
}

// tokenFromEnv returns what the vault command would use. The file is what
// `vault login` and Vault Agent's file sink write.
func tokenFromEnv(getenv func(string) string) (secrets.Value, error) {
	if token := strings.TrimSpace(getenv("VAULT_TOKEN")); token != "" {
		return secrets.NewValue(token), nil
	}
	home := getenv("HOME")
	text, err := os.ReadFile(filepath.Join(home, ".vault-token"))
	if home == "" || errors.Is(err, os.ErrNotExist) {
		return secrets.Value{}, fmt.Errorf("there is no token for Vault: set VAULT_TOKEN, run vault login, or choose another way to log in with %s", envAuth)
	}
	if err != nil {
		return secrets.Value{}, fmt.Errorf("reading Vault's token file: %w", err)
	}
	return secrets.NewValue(strings.TrimSpace(string(text))), nil
}
