package dbtcloudtest

import (
	"encoding/json"
	"time"
)

// DemoSeed is a plausible account, the same for the same now: fourteen service
// tokens of which some were made on or before July 18, 2023 and some are
// deleted, nine users of whom two still use an old API key, projects, and IP
// restrictions. It holds no token value; Load makes them. Its account_admin is
// the token "tokenwarden".
func DemoSeed(now time.Time) Seed {
	ago := func(d time.Duration) json.RawMessage { return writeDate(now.Add(-d), int64(d/time.Minute)) }
	return Seed{Accounts: []SeedAccount{{
		ID: 1, Name: "Jaffle Shop", IPRulesOn: true,
		Projects: []SeedProject{
			{ID: 501, Name: "Jaffle Shop", CreatedAt: raw("2021-04-14 20:23:00.395285+00:00")},
			{ID: 502, Name: "Marketing", CreatedAt: raw("2022-01-10T08:12:44.018271+00:00")},
			{ID: 503, Name: "Finance", CreatedAt: raw("2023-03-02 15:40:09.551038+00:00")},
			{ID: 504, Name: "Old warehouse", State: deleted, CreatedAt: raw("2021-04-15 09:00:12.000411+00:00")},
		},
		ServiceTokens: demoTokens(ago),
		Users:         demoUsers(ago),
		IPRules: []SeedIPRule{
			{ID: 739, Name: "Office", Type: 1, Description: "Head office and VPN.", CIDRs: []SeedCIDR{{CIDR: "203.0.113.0/24"}, {CIDR: "2001:db8:40::/48"}}},
			{ID: 740, Name: "Anywhere", Type: 1, Description: "Allow access from anywhere.", CIDRs: []SeedCIDR{{CIDR: "0.0.0.0"}}},
		},
		SCIMTokens: []SeedSCIMToken{{ID: 31, Name: "Okta", CreatedAt: raw("2024-02-19T10:05:31.220914Z"), LastUsed: ago(40 * time.Minute)}},
	}}}
}

func demoTokens(ago func(time.Duration) json.RawMessage) []SeedToken {
	const day = 24 * time.Hour
	in := func(set string, project int64) SeedGrant { return SeedGrant{PermissionSet: set, ProjectID: &project} }
	everywhere := func(set string) SeedGrant { return SeedGrant{PermissionSet: set} }
	writing := func(g SeedGrant, categories string) SeedGrant {
		g.WritableEnvironmentCategories = json.RawMessage(categories)
		return g
	}
	return []SeedToken{
		{
			ID: 101, Name: "Airflow prod", CreatedAt: raw("2021-09-06T07:41:12.146234+00:00"), LastUsed: ago(2 * day),
			Grants: []SeedGrant{in("job_admin", 501), in("job_admin", 502), {PermissionSet: "admin", ProjectID: new(int64(504)), State: deleted}},
		},
		{ID: 102, Name: "Looker", State: deleted, CreatedAt: raw("2021-11-16 16:32:43.960836+00:00"), Grants: []SeedGrant{everywhere("readonly")}},
		{ID: 103, Name: "Monte Carlo", MetadataOnly: true, CreatedAt: raw("2022-03-07 06:05:33.350381+00:00"), LastUsed: ago(35 * time.Minute)},
		{ID: 104, Name: "Webhook relay", WebhooksOnly: true, CreatedAt: raw("2022-05-05 06:51:10+00:00")},
		{
			ID: 105, Name: "Tableau semantic layer", CreatedAt: raw("2023-06-20T13:22:18.700092+00:00"), LastUsed: ago(3 * day),
			Grants:   []SeedGrant{in("semantic_layer_only", 501), in("metadata_only", 501)},
			Mappings: []SeedMapping{{ProjectID: 501, CredentialID: 9001}},
		},
		{
			ID: 106, Name: "GitHub Actions CI", CreatedAt: raw("2023-07-18T23:59:59.999999Z"), LastUsed: ago(5 * time.Hour),
			Grants: []SeedGrant{writing(in("developer", 501), `["development","staging"]`), in("job_runner", 501)},
		},
		{ID: 107, Name: "Hightouch", CreatedAt: raw("2023-07-19 00:00:00+00:00"), LastUsed: ago(12 * time.Minute), Grants: []SeedGrant{in("job_viewer", 502)}},
		{ID: 108, Name: "Fivetran (old)", State: deleted, CreatedAt: raw("2023-02-01 09:14:55.812004+00:00"), Grants: []SeedGrant{everywhere("job_admin")}},
		{ID: 109, Name: "Terraform", CreatedAt: raw("2024-04-11T17:03:26.493170+00:00"), LastUsed: ago(9 * day), Grants: []SeedGrant{everywhere("admin"), everywhere("project_creator")}},
		{ID: 110, Name: "Airflow staging", CreatedAt: raw("2024-10-30 11:47:02.118340+00:00"), LastUsed: ago(26 * time.Hour), Grants: []SeedGrant{writing(in("analyst", 503), `[]`), in("job_runner", 503)}},
		{ID: 111, Name: "Audit log export", CreatedAt: raw("2025-01-22T08:30:41.006125Z"), LastUsed: ago(50 * time.Minute), Grants: []SeedGrant{everywhere("security_admin")}},
		{ID: 112, Name: "test please ignore", State: deleted, CreatedAt: ago(90 * day), Grants: []SeedGrant{everywhere("member")}},
		{ID: 113, Name: "Partner portal", CreatedAt: ago(60 * day), LastUsed: ago(8 * time.Hour), Grants: []SeedGrant{in("orchestration_viewer", 502)}},
		{ID: 114, Name: "tokenwarden", CreatedAt: ago(30 * day), LastUsed: ago(day), Grants: []SeedGrant{everywhere("account_admin")}},
	}
}

func demoUsers(ago func(time.Duration) json.RawMessage) []SeedUser {
	const day = 24 * time.Hour
	user := func(id int64, first, last, email string, login time.Duration) SeedUser {
		return SeedUser{
			ID: id, FirstName: first, LastName: last, Email: email + "@jaffleshop.example",
			CreatedAt: ago(time.Duration(id) * 5 * day), LastLogin: ago(login), PermissionSets: []string{"member"},
		}
	}
	users := []SeedUser{
		user(201, "Ada", "Okafor", "ada", 3*time.Hour),
		user(202, "Bruno", "Silva", "bruno", 2*day),
		user(203, "Chiara", "Ricci", "chiara", 20*time.Minute),
		user(204, "Dmitri", "Vance", "dmitri", 9*day),
		user(205, "Eun-ji", "Park", "eunji", 30*time.Hour),
		user(206, "Farid", "Haddad", "farid", 14*day),
		user(207, "Greta", "Lind", "greta", 5*time.Hour),
		user(208, "Hugo", "Moreau", "hugo", 210*day),
		user(209, "Ines", "Costa", "ines", 4*day),
	}
	users[0].PermissionSets = []string{"account_admin"}
	users[0].PersonalAccessTokens = []SeedPAT{{ID: 301, Name: "laptop", CreatedAt: ago(100 * day), LastUsed: ago(3 * time.Hour)}}
	users[1].APITokenLastUsed = ago(2 * day)
	users[3].APITokenLastUsed = ago(41 * day)
	users[5].APITokenLastUsed = raw("2024-02-08 16:20:03.774010+00:00") // before the withdrawal: an old date stays for ever
	users[6].PersonalAccessTokens = []SeedPAT{{ID: 302, Name: "Cloud CLI", Type: 1, CreatedAt: ago(200 * day)}}
	users[7].IsActive = new(false)
	users[7].PersonalAccessTokens = []SeedPAT{{ID: 303, Name: "notebook", CreatedAt: ago(400 * day), LastUsed: ago(220 * day)}}
	return users
}

func raw(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }
