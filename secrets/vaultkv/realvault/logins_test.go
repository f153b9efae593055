package realvault_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
)

func TestJWTLogin(t *testing.T) {
	s := vaultsuite.Server{Admin: start(t).Admin()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(repository string) vaultkv.Source {
		return func(context.Context) (secrets.Value, error) {
			claims := map[string]any{"iss": "https://token.actions.githubusercontent.com", "sub": "repo:" + repository, "aud": "vault", "repository": repository, "exp": time.Now().Add(time.Minute).Unix()}
			text, err := jwt.Signed(signer).Claims(claims).Serialize()
			return secrets.NewValue(text), err
		}
	}
	s.Policy(t, "tokenwarden", vaultsuite.Policy)
	s.Must(t, "POST", "sys/auth/ci/github", map[string]any{"type": "jwt"})
	s.Must(t, "POST", "auth/ci/github/config", map[string]any{
		"jwt_validation_pubkeys": []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))},
	})
	s.Must(t, "POST", "auth/ci/github/role/tokenwarden", map[string]any{
		"role_type": "jwt", "user_claim": "repository", "bound_audiences": []string{"vault"},
		"bound_claims": map[string]any{"repository": "acme/ops"}, "token_policies": []string{"tokenwarden"},
	})
	works(t, s, vaultkv.JWT("ci/github", "tokenwarden", sign("acme/ops")))
	fails(t, s, vaultkv.JWT("ci/github", "tokenwarden", sign("mallory/ops")))
}

// Vault itself sends the request that the store signed, here to an endpoint that
// checks the signature as AWS does.
func TestAWSLogin(t *testing.T) {
	s := vaultsuite.Server{Admin: start(t).Admin()}
	credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI", SessionToken: "session"}
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/xml") // or Vault does not look at it
		if err := verify(req, credentials); err != nil {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, err.Error())
			return
		}
		_, _ = io.WriteString(w, `<GetCallerIdentityResponse><GetCallerIdentityResult>
			<Arn>arn:aws:sts::123456789012:assumed-role/cron/session</Arn><UserId>AROAEXAMPLE:session</UserId><Account>123456789012</Account>
			</GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}))
	defer sts.Close()
	s.Policy(t, "tokenwarden", vaultsuite.Policy)
	s.Must(t, "POST", "sys/auth/aws", map[string]any{"type": "aws"})
	s.Must(t, "POST", "auth/aws/config/client", map[string]any{"sts_endpoint": sts.URL, "iam_server_id_header_value": "vault.example.com"})
	s.Must(t, "POST", "auth/aws/role/tokenwarden", map[string]any{
		"auth_type": "iam", "bound_iam_principal_arn": "arn:aws:iam::123456789012:role/cron", "resolve_aws_unique_ids": false,
		"token_policies": []string{"tokenwarden"},
	})
	method := func(credentials aws.Credentials, server string) vaultkv.AWS {
		provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil })
		return vaultkv.AWS{Role: "tokenwarden", ServerID: server, Credentials: provider}
	}
	works(t, s, method(credentials, "vault.example.com"))
	fails(t, s, method(credentials, "another.example.com"))
	credentials2 := credentials
	credentials2.SecretAccessKey = "guessed"
	fails(t, s, method(credentials2, "vault.example.com"))
}

// verify signs again what arrived and compares. Like AWS it makes one slash of
// the two that Vault's request has.
func verify(req *http.Request, credentials aws.Credentials) error {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	at, err := time.Parse("20060102T150405Z", req.Header.Get("X-Amz-Date"))
	if err != nil {
		return err
	}
	again, err := http.NewRequest(req.Method, "https://"+req.Host+path.Clean(req.URL.Path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, name := range []string{"Content-Type", "X-Vault-Aws-Iam-Server-Id"} {
		if v := req.Header.Get(name); v != "" {
			again.Header.Set(name, v)
		}
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(req.Context(), credentials, again, hex.EncodeToString(sum[:]), "sts", "us-east-1", at); err != nil {
		return err
	}
	if again.Header.Get("Authorization") != req.Header.Get("Authorization") {
		return errors.New("SignatureDoesNotMatch")
	}
	return nil
}

func works(t *testing.T, s vaultsuite.Server, method api.AuthMethod) {
	t.Helper()
	store := s.Open(t, func(cfg *vaultkv.Config) { cfg.Auth = method })
	ref := secrets.Ref{Scheme: secrets.Vault, Path: "secret/dbt/x", Field: "token"}
	if err := store.Check(t.Context(), ref); err != nil {
		t.Error(err)
	}
	if _, err := store.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue("value")}); err != nil {
		t.Error(err)
	}
}

func fails(t *testing.T, s vaultsuite.Server, method api.AuthMethod) {
	t.Helper()
	store := s.Open(t, func(cfg *vaultkv.Config) { cfg.Auth = method })
	_, err := store.Read(t.Context(), secrets.Ref{Scheme: secrets.Vault, Path: "secret/dbt/x", Field: "token"})
	if !errors.Is(err, secrets.ErrDenied) || !strings.Contains(err.Error(), "credential was refused") {
		t.Errorf("error is %v", err)
	}
}
