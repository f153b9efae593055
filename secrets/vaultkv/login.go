package vaultkv

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
	"github.com/hashicorp/vault/api/auth/kubernetes"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// loginFunc is a way to log in. What it needs (a file, a JWT of a few minutes)
// is read at each login, not once.
type loginFunc func(ctx context.Context, client *api.Client) (*api.Secret, error)

// Login implements api.AuthMethod.
func (f loginFunc) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return f(ctx, client)
}

// Source brings a secret at the time that it is needed.
type Source func(ctx context.Context) (secrets.Value, error)

// Token uses a token that somebody else got, and renews it while it may be.
func Token(read func() (secrets.Value, error)) api.AuthMethod {
	return loginFunc(func(ctx context.Context, client *api.Client) (*api.Secret, error) {
		token, err := read()
		if err != nil {
			return nil, err
		}
		if token.Empty() {
			return nil, errors.New("the token for Vault is empty")
		}
		auth := &api.SecretAuth{ClientToken: token.Reveal()}
		client.SetToken(token.Reveal())
		about, err := client.Auth().Token().LookupSelfWithContext(ctx)
		if statusOf(err) == http.StatusForbidden {
			// Refused for a token that ended, and for one without the policy
			// "default". What comes next tells.
			return &api.Secret{Auth: auth}, nil
		}
		if err != nil {
			return nil, err
		}
		ttl, _ := about.TokenTTL()
		auth.LeaseDuration = int(ttl / time.Second)
		auth.Renewable, _ = about.TokenIsRenewable()
		return &api.Secret{Auth: auth}, nil
	})
}

// AppRole logs in with a role id and a secret id. An empty mount means approle.
func AppRole(mount, roleID string, secretID Source) api.AuthMethod {
	return loginFunc(func(ctx context.Context, client *api.Client) (*api.Secret, error) {
		secret, err := secretID(ctx)
		if err != nil {
			return nil, err
		}
		method, err := approle.NewAppRoleAuth(roleID, &approle.SecretID{FromString: secret.Reveal()}, approle.WithMountPath(cmp.Or(mount, "approle")))
		if err != nil {
			return nil, err
		}
		return method.Login(ctx, client)
	})
}

// Kubernetes logs in with the pod's service account. An empty mount means
// kubernetes, an empty file the place where Kubernetes puts the account's JWT.
func Kubernetes(mount, role, file string) api.AuthMethod {
	return loginFunc(func(ctx context.Context, client *api.Client) (*api.Secret, error) {
		options := []kubernetes.LoginOption{kubernetes.WithMountPath(cmp.Or(mount, "kubernetes"))}
		if file != "" {
			options = append(options, kubernetes.WithServiceAccountTokenPath(file))
		}
		method, err := kubernetes.NewKubernetesAuth(role, options...)
		if err != nil {
			return nil, err
		}
		return method.Login(ctx, client)
	})
}

// JWT logs in with a signed token of somebody whom Vault trusts. An empty mount
// means jwt.
func JWT(mount, role string, source Source) api.AuthMethod {
	return loginFunc(func(ctx context.Context, client *api.Client) (*api.Secret, error) {
		jwt, err := source(ctx)
		if err != nil {
			return nil, err
		}
		return client.Logical().WriteWithContext(ctx, "auth/"+cmp.Or(mount, "jwt")+"/login",
			map[string]any{"role": role, "jwt": jwt.Reveal()})
	})
}

// GitHubActions gets the JWT that GitHub signs for a running job, as its
// documentation of OpenID Connect describes.
type GitHubActions struct {
	URL       string        // ACTIONS_ID_TOKEN_REQUEST_URL
	Token     secrets.Value // ACTIONS_ID_TOKEN_REQUEST_TOKEN
	Audience  string        // empty: GitHub's default, the owner's URL
	Transport http.RoundTripper
}

// JWT is a Source.
func (g GitHubActions) JWT(ctx context.Context) (secrets.Value, error) {
	fail := func(err error) error { return fmt.Errorf("getting the job's identity from GitHub Actions: %w", err) }
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL, nil)
	if err != nil {
		return secrets.Value{}, fail(errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no address"))
	}
	if g.Audience != "" {
		query := req.URL.Query()
		query.Set("audience", g.Audience)
		req.URL.RawQuery = query.Encode()
	}
	req.Header.Set("Authorization", "Bearer "+g.Token.Reveal())
	req.Header.Set("User-Agent", "tokenwarden")
	resp, err := (&http.Client{Transport: g.Transport}).Do(req)
	if err != nil {
		return secrets.Value{}, fail(errors.New("it does not answer"))
	}
	defer resp.Body.Close()
	var answer struct {
		Value string `json:"value"`
	}
	if resp.StatusCode != http.StatusOK {
		return secrets.Value{}, fail(fmt.Errorf("it answered with status %d", resp.StatusCode))
	}
	err = json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 64<<10)).Decode(&answer)
	if err != nil || answer.Value == "" {
		return secrets.Value{}, fail(errors.New("its answer holds no token"))
	}
	return secrets.NewValue(answer.Value), nil
}

// valueOrFile is a Source of a value, or where that is empty of a file's
// content without the white space around it.
func valueOrFile(value, file string) Source {
	fixed := secrets.NewValue(strings.TrimSpace(value))
	return func(context.Context) (secrets.Value, error) {
		if !fixed.Empty() {
			return fixed, nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return secrets.Value{}, fmt.Errorf("reading the credential for Vault: %w", err)
		}
		return secrets.NewValue(strings.TrimSpace(string(text))), nil
	}
}
