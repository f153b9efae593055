package awssm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// What stands in the way is passed over, however far back the value is; where
// AWSPREVIOUS has it, no list is asked for.
func TestRecallGoesBack(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	store, r := client(server), ref("dbt/x", "token")
	is := func(v secrets.Value) bool { return v.Reveal() == token }
	server.Set("dbt/x", `{"token": "`+token+`"}`)
	server.Set("dbt/x", `{"token": "new"}`)
	if v, err := store.Recall(t.Context(), r, is); err != nil || v.Reveal() != token {
		t.Fatalf("a value of %d bytes, %v", len(v.Reveal()), err)
	}
	if n := server.Seen()["ListSecretVersionIds"]; n != 0 {
		t.Errorf("%d lists", n)
	}
	server.SetBinary("dbt/x", []byte{1})
	for _, text := range []string{"no JSON", `{"token": 5}`, `{"other": "` + token + `"}`} {
		server.Set("dbt/x", text)
	}
	for n := range 120 { // more than a page
		server.Set("dbt/x", fmt.Sprintf(`{"token": "%d"}`, n))
	}
	if v, err := store.Recall(t.Context(), r, is); err != nil || v.Reveal() != token {
		t.Errorf("a value of %d bytes, %v", len(v.Reveal()), err)
	}
	server.Deny("dbt/x", "ListSecretVersionIds")
	_, err := store.Recall(t.Context(), r, is)
	if err == nil || !strings.Contains(err.Error(), "AWS denies secretsmanager:ListSecretVersionIds") || strings.Contains(err.Error(), token) {
		t.Error(err)
	}
}
