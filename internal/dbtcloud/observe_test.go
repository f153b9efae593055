package dbtcloud

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestObserved(t *testing.T) {
	transport := answers(
		response(429, `{}`, "Retry-After", "1", "X-RateLimit-Limit", "100", "Set-Cookie", "session=secret", "Server", "nginx"),
		response(200, `{"data": {"id": 777}}`, "Date", ""),
		response(204, ``, "Ratelimit-Remaining", "7"),
	)
	var seen []Reply
	plain := newTestClient(t, transport, impatient)
	c := plain.Observed(func(r Reply) { seen = append(seen, r) })
	if _, _, err := c.ServiceToken(context.Background(), 777); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteServiceToken(context.Background(), 777); err != nil {
		t.Fatal(err)
	}
	if err := plain.DeleteServiceToken(context.Background(), 777); err != nil || len(seen) != 3 {
		t.Fatalf("%v; %d replies were told of, expected 3", err, len(seen))
	}
	limits := map[string][]string{"Retry-After": {"1"}, "X-Ratelimit-Limit": {"100"}}
	if first := seen[0]; first.Method != "GET" || first.Status != 429 || !first.Date.Equal(serverTime) || !reflect.DeepEqual(map[string][]string(first.Limits), limits) {
		t.Errorf("%+v", first)
	}
	if second := seen[1]; second.Status != 200 || !second.Date.IsZero() || second.Bytes != len(`{"data": {"id": 777}}`) || len(second.Limits) != 0 {
		t.Errorf("%+v", second)
	}
	if third := seen[2]; third.Method != "DELETE" || third.Status != 204 || third.Bytes != 0 || third.Limits.Get("Ratelimit-Remaining") != "7" {
		t.Errorf("%+v", third)
	}
	if c.bucket != plain.bucket {
		t.Error("it has a limit of its own")
	}
}

func TestUnknownFields(t *testing.T) {
	c := newTestClient(t, answers(ok(`{"id": 777, "name": "x", "token_string": "hunter2", "expires_at": null, "account": {"id": 1}, "permission_grants": []}`)))
	got, err := c.UnknownFields(context.Background(), 777)
	if want := []string{"account", "expires_at", "token_string"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, data := range []string{`null`, `[]`, `{}`, `{"id": 778}`} {
		if _, err := newTestClient(t, answers(ok(data))).UnknownFields(context.Background(), 777); KindOf(err) != KindMalformed {
			t.Errorf("%s: %v", data, err)
		}
	}
	gone := newTestClient(t, answers(response(404, `{}`)))
	if _, err := gone.UnknownFields(context.Background(), 777); KindOf(err) != KindNotFound {
		t.Error(err)
	}
}

// A field counts as known only if a value that nothing can make sense of is
// noticed there.
func TestKnownFieldsAreRead(t *testing.T) {
	for _, name := range strings.Fields(`id account_id uid name state created_at updated_at last_used metadata_only webhooks_only
		service_token_permissions permission_grants semantic_layer_credentials`) {
		if !knownField(name) {
			t.Errorf("%s is not known", name)
		}
		item := map[string]any{"id": 7}
		item[name] = map[string]int{"odd": 1}
		b, _ := json.Marshal(item)
		var got ServiceToken
		if err := json.Unmarshal(b, &got); err == nil && reflect.DeepEqual(got, ServiceToken{ID: 7}) {
			t.Errorf("%s is passed over", name)
		}
	}
	for _, name := range []string{"token_string", "expires_at", ""} {
		if knownField(name) {
			t.Errorf("%q is not read, and passes for known", name)
		}
	}
}
