package awssm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

func TestCheckRefuses(t *testing.T) {
	isolate(t)
	for name, c := range map[string]struct {
		make  func(*awstest.Server)
		words string
	}{
		"scheduled for deletion": {func(s *awstest.Server) { s.Schedule("x") }, "scheduled for deletion"},
		"rotated by AWS":         {func(s *awstest.Server) { s.Alter("x", func(p *awstest.Properties) { p.RotationEnabled = true }) }, "rotated by AWS"},
		"of another service":     {func(s *awstest.Server) { s.Alter("x", func(p *awstest.Properties) { p.OwningService = "rds" }) }, "another AWS service (rds)"},
		"of a partner": {func(s *awstest.Server) {
			s.Alter("x", func(p *awstest.Properties) { p.Type = "SalesforceClientSecret" })
		}, "SalesforceClientSecret"},
		"a replica": {func(s *awstest.Server) {
			s.Alter("x", func(p *awstest.Properties) { p.PrimaryRegion = "us-east-1" })
		}, "replica of the one in region us-east-1"},
		"replicated": {func(s *awstest.Server) {
			s.Alter("x", func(p *awstest.Properties) {
				p.PrimaryRegion, p.Replicas = awstest.DefaultRegion, []string{"us-east-1"}
			})
		}, "replicated to us-east-1"},
		"binary":     {func(s *awstest.Server) { s.SetBinary("x", []byte{1}) }, "binary"},
		"no object":  {func(s *awstest.Server) { s.Set("x", "text") }, "no JSON object"},
		"locked key": {func(s *awstest.Server) { s.Alter("x", func(p *awstest.Properties) { p.KeyDisabled = true }) }, "KMS key is disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			server := &awstest.Server{}
			server.Set("x", "{}")
			c.make(server)
			err := client(server).Check(t.Context(), ref("x", "token"))
			if !errors.Is(err, secrets.ErrRefused) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
			for _, action := range []string{"PutSecretValue", "UpdateSecretVersionStage", "TagResource", "UntagResource"} {
				if server.Seen()[action] != 0 {
					t.Errorf("%s was sent", action)
				}
			}
		})
	}
}

// The reason is given where the check was left out, too.
func TestReasonWithoutCheck(t *testing.T) {
	isolate(t)
	for name, c := range map[string]struct {
		make  func(*awstest.Server)
		words string
	}{
		"deleted": {func(s *awstest.Server) { s.Schedule("x") }, "scheduled for deletion"},
		"replica": {func(s *awstest.Server) { s.Alter("x", func(p *awstest.Properties) { p.PrimaryRegion = "us-east-1" }) }, "replica"},
		"owned":   {func(s *awstest.Server) { s.Alter("x", func(p *awstest.Properties) { p.OwningService = "rds" }) }, "another AWS service"},
	} {
		t.Run(name, func(t *testing.T) {
			server := &awstest.Server{}
			server.Set("x", "{}")
			store, at := client(server), ref("x", "token")
			seen := read(t, store, at)
			c.make(server)
			if _, err := write(t, store, at, token, "k", seen.Version); !errors.Is(err, secrets.ErrRefused) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("writing: %v", err)
			}
			if server.Versions("x") != 1 {
				t.Error("there is another version")
			}
			if name != "deleted" {
				return
			}
			if _, err := store.Read(t.Context(), at); !errors.Is(err, secrets.ErrRefused) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("reading: %v", err)
			}
			if err := store.Label(t.Context(), at, secrets.Labels{fingerprint(1): label(1)}, nil); !errors.Is(err, secrets.ErrRefused) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("labelling: %v", err)
			}
		})
	}
}

// Every permission that can be missed without a change is missed, and the error
// names it. TagResource and CreateSecret are the two that cannot.
func TestCheckFindsMissingPermissions(t *testing.T) {
	isolate(t)
	for action, want := range map[string]error{
		"DescribeSecret": secrets.ErrDenied, "GetSecretValue": secrets.ErrDenied,
		"PutSecretValue": secrets.ErrNotWritable, "UpdateSecretVersionStage": secrets.ErrNotWritable, "UntagResource": secrets.ErrNotWritable,
	} {
		server := &awstest.Server{}
		server.Set("x", `{"token":"old"}`)
		changes := 0
		server.Observe = func(awstest.Change) { changes++ }
		store, at := client(server), ref("x", "token")
		if err := store.Check(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		server.Deny("x", action)
		if err := store.Check(t.Context(), at); !errors.Is(err, want) || !strings.Contains(err.Error(), "secretsmanager:"+action) {
			t.Errorf("%s: %v", action, err)
		}
		if changes != 0 || server.Versions("x") != 1 {
			t.Errorf("%s: the checks made %d changes", action, changes)
		}
	}
}

// A label is denied before a value is written, with the permission's name.
func TestLabelDenied(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Set("x", "{}")
	server.Deny("x", "TagResource")
	err := client(server).Label(t.Context(), ref("x", "token"), secrets.Labels{fingerprint(1): label(1)}, nil)
	if !errors.Is(err, secrets.ErrNotWritable) || !strings.Contains(err.Error(), "secretsmanager:TagResource") {
		t.Error(err)
	}
}
