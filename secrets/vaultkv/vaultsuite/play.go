package vaultsuite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
)

// lossy loses the reply to the next write of data, after it took effect.
type lossy struct {
	next  http.RoundTripper
	armed atomic.Bool
}

func (l *lossy) RoundTrip(req *http.Request) (*http.Response, error) {
	next := l.next
	if next == nil {
		next = http.DefaultTransport
	}
	lose := req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/data/") && l.armed.CompareAndSwap(true, false)
	resp, err := next.RoundTrip(req)
	if lose && err == nil {
		_ = resp.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return resp, err
}

// before runs once, in front of the first request that it is meant for: what
// somebody else does at the worst moment.
type before struct {
	next   http.RoundTripper
	method string
	within string // the path
	do     func()
	done   atomic.Bool
}

func (b *before) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == b.method && strings.Contains(req.URL.Path, b.within) && b.done.CompareAndSwap(false, true) {
		b.do()
	}
	if b.next == nil {
		return http.DefaultTransport.RoundTrip(req)
	}
	return b.next.RoundTrip(req)
}

func (s Server) token(token string) api.AuthMethod {
	return vaultkv.Token(func() (secrets.Value, error) { return secrets.NewValue(token), nil })
}

// as opens a store with a new token of these policies.
func (s Server) as(t *testing.T, policies ...string) *vaultkv.Store {
	t.Helper()
	token := s.NewToken(t, map[string]any{"policies": policies})
	return s.Open(t, func(cfg *vaultkv.Config) { cfg.Auth = s.token(token) })
}

// version is the current version's number, plus back.
func (s Server) version(t *testing.T, r secrets.Ref, back int) string {
	t.Helper()
	current, _ := s.Must(t, "GET", "secret/metadata/"+strings.TrimPrefix(r.Path, "secret/"), nil)["current_version"].(float64)
	return fmt.Sprint(int(current) + back)
}

// fields is what a human sees at the path.
func (s Server) fields(t *testing.T, path string) map[string]any {
	t.Helper()
	fields, _ := s.Do(t, "GET", "secret/data/"+path, nil).Data["data"].(map[string]any)
	return fields
}

func (s Server) put(t *testing.T, path string, fields map[string]any) {
	t.Helper()
	s.Must(t, "PUT", "secret/data/"+path, map[string]any{"data": fields})
}

func read(t *testing.T, store secrets.Store, r secrets.Ref) secrets.Content {
	t.Helper()
	content, err := store.Read(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(ctx context.Context, store secrets.Store, r secrets.Ref, value string, expect secrets.Version) (secrets.Version, error) {
	return store.Write(ctx, r, secrets.Write{Value: secrets.NewValue(cmp.Or(value, "a value")), Expect: expect})
}
