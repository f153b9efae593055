package rotate_test

import (
	"testing"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// From the least powerful to the most, each less than all that follow.
func TestPowerOf(t *testing.T) {
	everywhere := func(set string) dbtcloud.Grant { return dbtcloud.Grant{PermissionSet: set, AllProjects: true} }
	in := func(set string, project int64) dbtcloud.Grant {
		return dbtcloud.Grant{PermissionSet: set, ProjectID: &project}
	}
	dead := everywhere("owner")
	dead.State = dbtcloud.Deleted
	ascending := []struct {
		name  string
		token dbtcloud.ServiceToken
		rows  []dbtcloud.Grant
	}{
		{name: "reads one project, and a dead row does not count", rows: []dbtcloud.Grant{in("job_viewer", 1), dead}},
		{name: "reads two projects", rows: []dbtcloud.Grant{in("job_viewer", 1), in("readonly", 2), in("readonly", 1)}},
		{name: "reads everything, by the old flag", token: dbtcloud.ServiceToken{MetadataOnly: true}},
		{name: "changes one project", rows: []dbtcloud.Grant{in("job_admin", 1), in("readonly", 1)}},
		{name: "changes all projects", rows: []dbtcloud.Grant{everywhere("developer")}},
		{name: "lets people in", rows: []dbtcloud.Grant{in("security_admin", 1)}},
		{name: "changes everything in all projects", rows: []dbtcloud.Grant{everywhere("admin")}},
		{name: "may do anything", rows: []dbtcloud.Grant{everywhere("account_admin"), in("readonly", 1)}},
		{name: "a set that nobody knows", rows: []dbtcloud.Grant{in("something_new", 1), in("job_viewer", 1)}},
	}
	for i, a := range ascending {
		for j, b := range ascending {
			got := rotate.PowerOf(a.token, a.rows).Compare(rotate.PowerOf(b.token, b.rows))
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q compared with %q: %d", a.name, b.name, got)
			}
		}
	}
	if nothing := rotate.PowerOf(dbtcloud.ServiceToken{}, nil); nothing != (rotate.Power{}) {
		t.Errorf("a token without permissions is taken for one of which something is known: %+v", nothing)
	}
}
