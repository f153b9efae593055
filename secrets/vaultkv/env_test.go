package vaultkv_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

type env map[string]string

func (e env) get(name string) string { return e[name] }

func TestFromEnv(t *testing.T) {
	cfg, err := vaultkv.FromEnv(env{
		"VAULT_ADDR": "https://vault.example.com", "VAULT_NAMESPACE": "/team/a/", "VAULT_CACERT": "/ca.pem", "VAULT_CAPATH": "/ca",
		"VAULT_CLIENT_CERT": "/c.pem", "VAULT_CLIENT_KEY": "/k.pem", "VAULT_TLS_SERVER_NAME": "vault", "VAULT_SKIP_VERIFY": "true",
	}.get)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Address != "https://vault.example.com" || cfg.Namespace != "team/a" || cfg.Auth == nil {
		t.Errorf("address %q, namespace %q", cfg.Address, cfg.Namespace)
	}
	tls := cfg.TLS
	if tls.CACert != "/ca.pem" || tls.CAPath != "/ca" || tls.ClientCert != "/c.pem" || tls.ClientKey != "/k.pem" || tls.TLSServerName != "vault" || !tls.Insecure {
		t.Errorf("TLS settings are %+v", tls)
	}
}

// What is wrong with the settings is said before anything is attempted, by the
// name of the variable.
func TestFromEnvErrors(t *testing.T) {
	const method = "TOKENWARDEN_VAULT_AUTH"
	for text, vars := range map[string]env{
		"VAULT_SKIP_VERIFY":                       {"VAULT_SKIP_VERIFY": "perhaps"},
		"must be token, approle":                  {method: "ldap"},
		"TOKENWARDEN_VAULT_ROLE_ID":               {method: "approle"},
		"TOKENWARDEN_VAULT_SECRET_ID_FILE":        {method: "approle", "TOKENWARDEN_VAULT_ROLE_ID": "r"},
		"kubernetes needs TOKENWARDEN_VAULT_ROLE": {method: "kubernetes"},
		"TOKENWARDEN_VAULT_JWT_FILE":              {method: "jwt", "TOKENWARDEN_VAULT_ROLE": "r"},
		"id-token: write":                         {method: "github", "TOKENWARDEN_VAULT_ROLE": "r"},
		"aws needs TOKENWARDEN_VAULT_ROLE":        {method: "aws"},
	} {
		if _, err := vaultkv.FromEnv(vars.get); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want %q", vars, err, text)
		}
	}
	for text, cfg := range map[string]vaultkv.Config{
		"set VAULT_ADDR":    {},
		"no address":        {Address: "vault.example.com:8200"},
		"expected https://": {Address: "ftp://vault.example.com"},
		"user name":         {Address: "https://me:dbtc_secret@vault.example.com"},
		"VAULT_CACERT":      {Address: "https://vault.example.com", TLS: tlsFile("/does/not/exist")},
		"no way to log in":  {Address: "https://vault.example.com"},
	} {
		if text != "no way to log in" {
			cfg.Auth = vaultkv.Token(fixed("t"))
		}
		_, err := vaultkv.New(cfg)
		if err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "dbtc_") {
			t.Errorf("%+v: %v, want %q", cfg.Address, err, text)
		}
	}
}

// Only Config decides: not the process's environment, which vault/api reads.
func TestProcessEnvironmentIsNotRead(t *testing.T) {
	server := vaulttest.New()
	t.Setenv("VAULT_ADDR", "https://elsewhere.invalid")
	t.Setenv("VAULT_AGENT_ADDR", "https://elsewhere.invalid")
	t.Setenv("VAULT_TOKEN", "hvs.elsewhere")
	t.Setenv("VAULT_NAMESPACE", "elsewhere")
	t.Setenv("VAULT_WRAP_TTL", "5m")
	store := open(t, server, func(cfg *vaultkv.Config) {
		cfg.Transport = transport(func(req *http.Request) (*http.Response, error) {
			if req.URL.Host != "vault.test" || req.Header.Get("X-Vault-Wrap-TTL") != "" || req.Header.Get("X-Vault-Namespace") != "" {
				t.Errorf("asked %s with %v", req.URL, req.Header)
			}
			return server.RoundTrip(req)
		})
	})
	for op, err := range operations(t.Context(), t, store, ref(t, "secret/x"), "") {
		if err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func TestLogins(t *testing.T) {
	server := vaulttest.New()
	admin := server.Admin()
	admin.Policy(t, "reader", `path "secret/*" { capabilities = ["read"] }`)
	admin.Must(t, "PUT", "secret/data/x", map[string]any{"data": map[string]any{"token": "value"}})
	for path, kind := range map[string]string{"jwt": "jwt", "ci/github": "jwt", "kubernetes": "kubernetes", "k8s/prod": "kubernetes"} {
		admin.Must(t, "POST", "sys/auth/"+path, map[string]any{"type": kind})
		server.Trust(path, "tokenwarden", "ey.JWT", "reader")
	}
	roleID, secretID := admin.AppRole(t, "approle", "cron", map[string]any{"token_policies": []string{"reader"}})
	otherID, otherSecret := admin.AppRole(t, "machines", "cron", map[string]any{"token_policies": []string{"reader"}})

	home := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file(".vault-token", admin.Token+"\n")
	jwt, secret, wrong := file("jwt", "ey.JWT"), file("secret-id", secretID+"\n"), file("wrong", "ey.WRONG")

	const (
		method = "TOKENWARDEN_VAULT_AUTH"
		mount  = "TOKENWARDEN_VAULT_AUTH_MOUNT"
		role   = "TOKENWARDEN_VAULT_ROLE"
		id     = "TOKENWARDEN_VAULT_ROLE_ID"
		keep   = "TOKENWARDEN_VAULT_SECRET_ID"
		jot    = "TOKENWARDEN_VAULT_JWT"
	)
	for name, c := range map[string]struct {
		env
		text string // "": it works
	}{
		"token":                     {env{"VAULT_TOKEN": " " + admin.Token + "\n"}, ""},
		"token file":                {env{"HOME": home}, ""},
		"no token":                  {env{"HOME": filepath.Join(home, "nobody")}, "vault login"},
		"no home":                   {env{}, "VAULT_TOKEN"},
		"wrong token":               {env{"VAULT_TOKEN": "hvs.WRONG"}, "does not know the token"},
		"approle":                   {env{method: "approle", id: roleID, keep: secretID}, ""},
		"approle by file":           {env{method: "approle", id: roleID, keep + "_FILE": secret}, ""},
		"approle elsewhere":         {env{method: "approle", mount: "machines", id: otherID, keep: otherSecret}, ""},
		"approle of another mount":  {env{method: "approle", id: otherID, keep: otherSecret}, "credential was refused"},
		"approle without its file":  {env{method: "approle", id: roleID, keep + "_FILE": "/does/not/exist"}, "/does/not/exist"},
		"kubernetes":                {env{method: "kubernetes", role: "tokenwarden", jot + "_FILE": jwt}, ""},
		"kubernetes elsewhere":      {env{method: "kubernetes", mount: "k8s/prod", role: "tokenwarden", jot + "_FILE": jwt}, ""},
		"kubernetes, another":       {env{method: "kubernetes", role: "tokenwarden", jot + "_FILE": wrong}, "credential was refused"},
		"kubernetes outside of one": {env{method: "kubernetes", role: "tokenwarden"}, "service account token"},
		"jwt":                       {env{method: "jwt", role: "tokenwarden", jot: "ey.JWT"}, ""},
		"jwt by file":               {env{method: "jwt", role: "tokenwarden", jot + "_FILE": jwt}, ""},
		"jwt elsewhere":             {env{method: "jwt", mount: "ci/github", role: "tokenwarden", jot: "ey.JWT"}, ""},
		"jwt of no such role":       {env{method: "jwt", role: "nobody", jot: "ey.JWT"}, "credential was refused"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := vaultkv.FromEnv(c.get)
			if err != nil {
				t.Fatal(err)
			}
			store := open(t, server, func(open *vaultkv.Config) { open.Auth = cfg.Auth })
			content, err := store.Read(t.Context(), ref(t, "secret/x"))
			switch {
			case c.text == "" && (err != nil || content.Value.Reveal() != "value"):
				t.Errorf("read %d bytes: %v", len(content.Value.Reveal()), err)
			case c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)):
				t.Errorf("%v, want %q", err, c.text)
			case c.text != "" && (strings.Contains(err.Error(), "WRONG") || strings.Contains(err.Error(), otherSecret)):
				t.Errorf("the error has the credential in it: %v", err)
			}
		})
	}
}

// A namespace of the reference is for the secret; the login is in VAULT_NAMESPACE.
func TestNamespaces(t *testing.T) {
	server := vaulttest.New()
	admin := server.Admin()
	for _, namespace := range []string{"team", "team/a"} {
		admin.Namespace = namespace
		admin.Mount(t, "kv", "2")
	}
	admin.Namespace = "team"
	admin.Policy(t, "reader", `path "a/kv/*" { capabilities = ["read"] } path "a/sys/capabilities-self" { capabilities = ["update"] } path "kv/data/*" { capabilities = ["create", "update", "read"] }`)
	token := admin.NewToken(t, map[string]any{"policies": []string{"reader"}})
	store := open(t, server, func(cfg *vaultkv.Config) {
		cfg.Namespace, cfg.Auth = "team", vaultkv.Token(fixed(token))
	})
	if _, err := store.Write(t.Context(), ref(t, "kv/x"), secrets.Write{Value: secrets.NewValue("ours")}); err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{"kv/x": "ours", "kv/x?namespace=team": "ours", "kv/x?namespace=team/a": ""} {
		content, err := store.Read(t.Context(), ref(t, reference))
		if err != nil || content.Value.Reveal() != want {
			t.Errorf("%s reads %q, %v", reference, content.Value.Reveal(), err)
		}
	}
	_, err := store.Read(t.Context(), ref(t, "kv/x?namespace=other"))
	want(t, err, secrets.ErrDenied, `namespace "other"`)
	want(t, store.Check(t.Context(), ref(t, "kv/x?namespace=team/a")), secrets.ErrNotWritable, "create")
}
