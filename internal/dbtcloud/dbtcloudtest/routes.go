package dbtcloudtest

import (
	"net/http"
	"strings"
)

// route is one operation: its name, what it needs, and who answers it.
type route struct {
	name   string
	need   access
	handle func(*call) reply
}

// routes are keyed by method and path below /api, ids written as "#". All
// collections end in a slash; ip-restrictions/# does not (spec).
var routes = map[string]route{
	"GET /v2/accounts/":   {"accounts", none, (*call).listAccounts},
	"GET /v3/accounts/":   {"accounts", none, (*call).listAccounts},
	"GET /v2/accounts/#/": {"account", none, (*call).getAccount},
	"GET /v3/accounts/#/": {"account", none, (*call).getAccount},

	"GET /v3/accounts/#/service-tokens/":                {"list-tokens", read, (*call).listTokens},
	"POST /v3/accounts/#/service-tokens/":               {"create-token", full, (*call).createToken},
	"GET /v3/accounts/#/service-tokens/#/":              {"get-token", read, (*call).getToken},
	"PUT /v3/accounts/#/service-tokens/#/":              {"rename-token", full, (*call).renameToken},
	"POST /v3/accounts/#/service-tokens/#/":             {"update-token", full, (*call).updateToken},
	"DELETE /v3/accounts/#/service-tokens/#/":           {"delete-token", full, (*call).deleteToken},
	"GET /v3/accounts/#/service-tokens/#/permissions/":  {"get-permissions", read, (*call).getPermissions},
	"POST /v3/accounts/#/service-tokens/#/permissions/": {"post-permissions", full, (*call).postPermissions},
	"GET /v3/accounts/#/" + mappingsPath:                {"get-mappings", read, (*call).getMappings},
	"POST /v3/accounts/#/" + mappingsPath:               {"post-mapping", full, (*call).postMapping},
	"DELETE /v3/accounts/#/" + mappingsPath + "#/":      {"delete-mapping", full, (*call).deleteMapping},
	"GET /v2/accounts/#/users/":                         {"users", read, (*call).listUsers},
	"GET /v3/accounts/#/users/":                         {"users", read, (*call).listUsers},
	"GET /v2/accounts/#/users/#/":                       {"user", read, (*call).getUser},
	"GET /v3/accounts/#/users/#/":                       {"user", read, (*call).getUser},
	"GET /v3/accounts/#/users/#/account-apikeys/":       {"list-pats", read, (*call).listPersonalTokens},
	"GET /v3/accounts/#/users/#/account-apikeys/#/":     {"get-pat", read, (*call).getPersonalToken},
	"GET /v3/accounts/#/projects/":                      {"list-projects", read, (*call).listProjects},
	"POST /v3/accounts/#/projects/":                     {"create-project", full, (*call).createProject},
	"GET /v3/accounts/#/projects/#/":                    {"get-project", read, (*call).getProject},
	"POST /v3/accounts/#/projects/#/":                   {"update-project", full, (*call).updateProject},
	"DELETE /v3/accounts/#/projects/#/":                 {"delete-project", full, (*call).deleteProject},
	"GET /v3/accounts/#/ip-restrictions/":               {"list-ip-rules", read, (*call).listIPRules},
	"POST /v3/accounts/#/ip-restrictions/":              {"create-ip-rule", full, (*call).createIPRule},
	"GET /v3/accounts/#/ip-restrictions/#":              {"get-ip-rule", read, (*call).getIPRule},
	"PUT /v3/accounts/#/ip-restrictions/#":              {"update-ip-rule", full, (*call).updateIPRule},
	"DELETE /v3/accounts/#/ip-restrictions/#":           {"delete-ip-rule", full, (*call).deleteIPRule},
	"POST /v3/accounts/#/ip-restrictions-set/":          {"set-ip-rules", full, (*call).setIPRules},
	"GET /v3/accounts/#/scim-config/tokens/":            {"scim-tokens", read, (*call).listSCIMTokens},
	"GET /v3/accounts/#/scim-config/tokens/#/":          {"scim-token", read, (*call).getSCIMToken},
	"GET /v3/accounts/#/audit-logs/":                    {"audit-logs", read, (*call).listAuditLogs},
}

const mappingsPath = "semantic-layer-credential-to-service-token-mapping/"

// unknownOperation is what a request outside the routes is called.
const unknownOperation = "unknown"

// Operation names a request as Rule.Operation and the log do, for example
// "create-token"; "unknown" is a path or method that the simulator has not.
func (s *Sim) Operation(r *http.Request) string {
	return operation(r.Method, r.URL.Path)
}

func operation(method, path string) string {
	shape, _ := shapeOf(path)
	if route, ok := routes[method+" "+shape]; ok {
		return route.name
	}
	return unknownOperation
}

// shapeOf takes /api and the ids out of a path; "" is a path outside the API.
func shapeOf(path string) (shape string, ids []int64) {
	rest, ok := strings.CutPrefix(path, "/api/")
	if !ok {
		return "", nil
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(rest, "/") {
		b.WriteByte('/')
		if id, ok := digits(segment); ok {
			ids = append(ids, id)
			segment = "#"
		}
		b.WriteString(segment)
	}
	return b.String(), ids
}

func digits(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// astray answers what no route matches.
func astray(in *incoming, shape string) reply {
	if _, ok := routes["GET "+shape+"/"]; ok && shape != "" {
		if in.method != http.MethodGet {
			return nowhere() // a redirect would lose the body
		}
		target := in.path + "/"
		if in.rawQuery != "" {
			target += "?" + in.rawQuery
		}
		return reply{status: http.StatusMovedPermanently, location: target}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if _, ok := routes[method+" "+shape]; ok {
			return failure(http.StatusMethodNotAllowed, "Method \""+in.method+"\" not allowed.")
		}
	}
	return nowhere()
}
