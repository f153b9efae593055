package rotate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// vaultServer is a Vault in which the runs may do what docs/stores/vault.md says
// suffices, logged in by AppRole.
type vaultServer struct {
	*vaulttest.Server
	w                *cellWorld
	roleID, secretID string
}

// newVault returns one whose logins last for a lease; 0: for longer than any run.
func newVault(w *cellWorld, lease time.Duration) *vaultServer {
	v := &vaultServer{Server: vaulttest.New(), w: w}
	v.Admin().Policy(w.t, "tokenwarden", vaultsuite.Policy)
	settings := map[string]any{"token_policies": []string{"tokenwarden"}}
	if lease > 0 {
		settings["token_ttl"], settings["token_max_ttl"] = lease.String(), (3 * lease).String()
	}
	v.roleID, v.secretID = v.Admin().AppRole(w.t, "approle", "tokenwarden", settings)
	return v
}

// below is where a KV engine has a secret: "data" or "metadata".
func below(kind string, ref secrets.Ref) string {
	return "secret/" + kind + strings.TrimPrefix(ref.Path, "secret")
}

func (v *vaultServer) furnish(ref secrets.Ref) {
	v.Admin().Must(v.w.t, "PUT", below("data", ref), map[string]any{"data": map[string]any{"user": "airflow", "port": 5432}})
	v.Admin().Must(v.w.t, "PUT", below("metadata", ref), map[string]any{
		"max_versions": 20, "custom_metadata": map[string]any{"team": "data", "owner": "somebody else"},
	})
}

func (v *vaultServer) set(ref secrets.Ref, value string) {
	fields := map[string]any{}
	if there, _ := v.Look(ref.Path); there.Fields() != nil {
		fields = there.Fields()
	}
	fields[ref.Field] = value
	v.Admin().Must(v.w.t, "PUT", below("data", ref), map[string]any{"data": fields})
}

func (v *vaultServer) mark(ref secrets.Ref, set secrets.Labels) {
	entries := map[string]any{}
	for fp, l := range set {
		entries[fp.Key()] = l.Encode()
	}
	v.Admin().Must(v.w.t, "PATCH", below("metadata", ref), map[string]any{"custom_metadata": entries})
}

func (v *vaultServer) remove(ref secrets.Ref) {
	v.Admin().Must(v.w.t, "DELETE", below("metadata", ref), nil)
}

func (v *vaultServer) look(ref secrets.Ref) seen {
	there, _ := v.Look(ref.Path)
	return v.seen(there)
}

func (v *vaultServer) observe(tell func(seen)) {
	v.Observe = func(there vaulttest.Secret) { tell(v.seen(there)) }
}

// seen tells what is ours at a path from what is not.
func (v *vaultServer) seen(there vaulttest.Secret) seen {
	now := seen{values: map[secrets.Ref]secrets.Value{}, labels: secrets.Labels{}, versions: map[string]string{}}
	for number, fields := range there.Versions {
		now.versions[fmt.Sprint(number)] = inOneLine(fields)
	}
	if there.Current > 0 {
		now.version = fmt.Sprint(there.Current)
	}
	fields, custom := map[string]any{}, map[string]string{}
	for name, value := range there.Fields() {
		fields[name] = value
	}
	for _, r := range v.w.refs {
		if r.Scheme == secrets.Vault && r.Path == there.Path {
			text, _ := fields[r.Field].(string)
			now.object, now.values[r] = r.Object(), secrets.NewValue(text)
			delete(fields, r.Field)
		}
	}
	for key, text := range there.Custom {
		fp, ours := secrets.FingerprintOfKey(key)
		if label, err := secrets.ParseLabel(text); ours && err == nil {
			now.labels[fp] = label
		} else {
			custom[key] = text
		}
	}
	now.others = inOneLine([]any{fields, custom, there.MaxVersions, there.CASRequired, there.DeleteAfter})
	return now
}

// inOneLine writes what JSON can say, maps in order.
func inOneLine(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (v *vaultServer) store(p *process) secrets.Store {
	store, err := vaultkv.New(vaultkv.Config{
		Address:   v.Admin().Address,
		Auth:      vaultkv.AppRole("", v.roleID, func(context.Context) (secrets.Value, error) { return secrets.NewValue(v.secretID), nil }),
		Transport: wire{p, onVault, vaultCall, v.Server},
	})
	if err != nil {
		panic(err)
	}
	return store
}

// vaultCall names a request to Vault.
func vaultCall(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	what := parts[1] // secret/data/…, sys/capabilities-self
	switch parts[0] {
	case "auth":
		what = parts[2] // auth/approle/login, auth/token/renew-self
	case "sys":
		if parts[1] == "internal" {
			what = "mount"
		}
	}
	return r.Method + " " + what
}
