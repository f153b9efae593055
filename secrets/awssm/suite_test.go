package awssm_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// spy adds up which actions all servers of a test saw.
type spy struct {
	servers []*awstest.Server
}

func (s *spy) seen() []string {
	all := map[string]int{}
	for _, server := range s.servers {
		maps.Copy(all, server.Seen())
	}
	return slices.Sorted(maps.Keys(all))
}

// harness plays one account for the suite. With keys, a field is a key of a JSON
// object; without, each is a whole secret of its own.
func harness(t *testing.T, policy []byte, keys bool, all *spy) secretstest.Harness {
	var (
		mu   sync.Mutex
		lose bool
	)
	server := &awstest.Server{AccessKeys: []string{"AKIDTEST"}}
	server.After = func(c awstest.Call) *awstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if lose && (c.Action == "CreateSecret" || c.Action == "UpdateSecretVersionStage" && c.Stage == "AWSCURRENT") {
			lose = false
			return &awstest.Fault{Reset: true}
		}
		return nil
	}
	if err := server.Attach(policy); err != nil {
		t.Fatal(err)
	}
	all.servers = append(all.servers, server)

	text := func(ref secrets.Ref, value string) string {
		if ref.Field == "" {
			return value
		}
		return edit(server.Value(ref.Path, "AWSCURRENT"), ref.Field, value)
	}
	return secretstest.Harness{
		Store: client(server),
		Other: client(server),
		Ref: func(name, field string) secrets.Ref {
			if keys {
				return ref("dbt/"+name, field)
			}
			return ref("dbt/"+name+"/"+field, "")
		},
		LoseReply: func() { mu.Lock(); lose = true; mu.Unlock() },
		ByHand:    func(t *testing.T, ref secrets.Ref, value string) { server.Set(ref.Path, text(ref, value)) },
		Rollback:  func(t *testing.T, ref secrets.Ref) { server.Rollback(ref.Path) },
		Previous: func(t *testing.T, ref secrets.Ref) []string {
			return []string{pick(server.Value(ref.Path, "AWSPREVIOUS"), ref.Field)}
		},
		SetMetadata: func(t *testing.T, ref secrets.Ref, key, value string) {
			server.SetTag(ref.Path, key, strings.ReplaceAll(value, " ", "_"))
		},
		Metadata: func(t *testing.T, ref secrets.Ref, key string) string {
			return strings.ReplaceAll(server.Tags(ref.Path)[key], "_", " ")
		},
		DenyReading: func(t *testing.T, ref secrets.Ref) { server.Deny(ref.Path, "GetSecretValue", "DescribeSecret") },
		DenyWriting: func(t *testing.T, ref secrets.Ref) {
			server.Deny(ref.Path, "PutSecretValue", "UpdateSecretVersionStage")
		},
	}
}

// The suite runs with no more than the permissions that the documentation names,
// and needs every one of them.
func TestSuite(t *testing.T) {
	isolate(t)
	text, actions := policy(t)
	for name, keys := range map[string]bool{"a JSON key": true, "the whole string": false} {
		t.Run(name, func(t *testing.T) {
			var all spy
			secretstest.Run(t, func(t *testing.T) secretstest.Harness { return harness(t, text, keys, &all) })
			if seen := all.seen(); !slices.Equal(seen, actions) {
				t.Errorf("the store used %q, the documentation names %q", seen, actions)
			}
		})
	}
}
