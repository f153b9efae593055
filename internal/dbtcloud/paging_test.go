package dbtcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// readAll lists service tokens and checks that each came once.
func readAll(t *testing.T, c *Client) (ids []int64, pass Pass, err error) {
	t.Helper()
	seen := map[int64]bool{}
	pass, err = c.ServiceTokens(context.Background(), func(tok ServiceToken) error {
		if seen[tok.ID] {
			t.Errorf("token %d came twice", tok.ID)
		}
		seen[tok.ID] = true
		ids = append(ids, tok.ID)
		return nil
	})
	return ids, pass, err
}

func TestPaging(t *testing.T) {
	for name, tc := range map[string]struct {
		pages    pages
		read     int
		total    int
		stable   bool
		requests int
		kind     Kind
	}{
		"an empty list":                    {pages{n: 0}, 0, 0, true, 1, 0},
		"one page":                         {pages{n: 7}, 7, 7, true, 1, 0},
		"exactly a page":                   {pages{n: 100}, 100, 100, true, 1, 0},
		"357 tokens":                       {pages{n: 357}, 357, 357, true, 4, 0},
		"limit capped":                     {pages{n: 120, limitCap: 50}, 120, 120, true, 3, 0},
		"limit capped at one":              {pages{n: 3, limitCap: 1}, 3, 3, true, 3, 0},
		"no total":                         {pages{n: 250, noTotal: true}, 250, -1, false, 4, 0},
		"no total and a short page":        {pages{n: 7, noTotal: true}, 7, -1, false, 2, 0},
		"no total and a limit capped":      {pages{n: 120, noTotal: true, limitCap: 50}, 120, -1, false, 4, 0},
		"no total and nothing":             {pages{n: 0, noTotal: true}, 0, -1, false, 1, 0},
		"empty before the total":           {pages{n: 250, hideBeyond: 100}, 100, 250, false, 2, 0},
		"shorter than the total":           {pages{n: 150, claim: 200}, 150, 200, false, 3, 0},
		"longer than the total":            {pages{n: 250, claim: 50}, 250, 50, false, 3, 0},
		"offset ignored, all there":        {pages{n: 60, ignoring: true}, 60, 60, true, 1, 0},
		"offset ignored, no total":         {pages{n: 60, ignoring: true, noTotal: true}, 60, -1, false, 2, 0},
		"offset ignored, rest unreachable": {pages{n: 250, ignoring: true}, 100, 250, false, 2, KindMalformed},
		"offset ignored, who knows":        {pages{n: 250, ignoring: true, noTotal: true}, 100, -1, false, 2, KindMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &fake{answer: tc.pages.answer}
			ids, pass, err := readAll(t, newTestClient(t, transport))
			if KindOf(err) != tc.kind {
				t.Fatal(err)
			}
			if len(ids) != tc.read || pass.Read != tc.read || pass.Total != tc.total || pass.Stable != tc.stable || transport.count() != tc.requests {
				t.Errorf("%d visited, %+v, %d requests", len(ids), pass, transport.count())
			}
			if !pass.Date.Equal(serverTime) {
				t.Errorf("date %v", pass.Date)
			}
		})
	}
}

// What one page said of the total holds when a later one does not say anything:
// an empty page without a total does not make a whole list of a part.
func TestATotalThatALaterPageDoesNotRepeat(t *testing.T) {
	first := func() *http.Response {
		resp, err := pages{n: 250}.answer(1, httptest.NewRequest(http.MethodGet, "/?limit=100&offset=0", nil))
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for _, empty := range []string{`{"data": []}`, `{"data": [], "extra": {"pagination": {"total_count": null}}}`} {
		_, pass, err := readAll(t, newTestClient(t, answers(first(), response(200, empty))))
		if err != nil || pass.Read != 100 || pass.Total != 250 || pass.Stable {
			t.Errorf("%s: %v, %+v", empty, err, pass)
		}
	}
}

func TestListingAsksForActiveTokens(t *testing.T) {
	transport := &fake{answer: pages{n: 130}.answer}
	if _, _, err := readAll(t, newTestClient(t, transport)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"limit=100&offset=0&state=1", "limit=100&offset=100&state=1"} {
		u := transport.seen[i].URL
		if u.Path != "/api/v3/accounts/12345/service-tokens/" || u.RawQuery != want || u.Host != "ab123.us1.dbt.com" {
			t.Errorf("request %d: %s", i+1, u)
		}
	}
}

func TestDeletedTokensAreCountedOnly(t *testing.T) {
	transport := &fake{answer: pages{n: 130, item: func(id int) string {
		return fmt.Sprintf(`{"id": %d, "state": %d}`, id, 1+id%2)
	}}.answer}
	ids, pass, err := readAll(t, newTestClient(t, transport))
	if err != nil || len(ids) != 65 || pass.Read != 130 || !pass.Stable {
		t.Errorf("%d visited, %+v, %v", len(ids), pass, err)
	}
}

func TestItemsThatMoveBetweenPages(t *testing.T) {
	// Between the pages one item is put in front and one at the end deleted:
	// the total stays and item 100 comes again.
	page := func(from, to int) string {
		var items []string
		for id := from; id <= to; id++ {
			items = append(items, fmt.Sprintf(`{"id": %d}`, id))
		}
		return `{"data": [` + strings.Join(items, ",") + `], "extra": {"pagination": {"total_count": 150}}}`
	}
	transport := answers(response(200, page(1, 100)), response(200, page(100, 149)))
	ids, pass, err := readAll(t, newTestClient(t, transport))
	if err != nil || len(ids) != 149 || pass.Read != 149 || pass.Stable {
		t.Errorf("%d visited, %+v, %v", len(ids), pass, err)
	}
	moved := answers(response(200, page(1, 100)), response(200, strings.Replace(page(101, 149), "150", "149", 1)))
	if _, pass, err := readAll(t, newTestClient(t, moved)); err != nil || pass.Read != 149 || pass.Total != 149 || pass.Stable {
		t.Errorf("a total that moved: %+v, %v", pass, err)
	}
}

func TestBrokenItemsAndPagesAreErrors(t *testing.T) {
	for _, data := range []string{
		`[{"id": 1}, {}]`, `[{"id": 1}, null]`, `[{"id": 1}, 5]`, `[{"id": 1}, []]`, `[{"id": 1}, {"id": null}]`, `[{"id": 1}, {"id": "x"}]`,
		`[{"id": 1}, {"id": 0}]`, `[{"id": 1}, {"id": 1.5}]`, `[{"id": 1}, {"id": 99999999999999999999}]`, `{"id": 1}`, `"x"`, `7`, `true`,
	} {
		_, pass, err := readAll(t, newTestClient(t, answers(ok(data))))
		if KindOf(err) != KindMalformed || pass.Stable {
			t.Errorf("%s: %v, %+v", data, err, pass)
		}
	}
	_, pass, err := readAll(t, newTestClient(t, answers(ok(`null`))))
	if KindOf(err) != KindMalformed || pass.Stable {
		t.Errorf("null: %v, %+v", err, pass)
	}
	_, pass, err = readAll(t, newTestClient(t, answers(response(200, `{"data": null, "extra": {"pagination": {"total_count": 0}}}`))))
	if err != nil || pass.Read != 0 || !pass.Stable {
		t.Errorf("null, and a total of 0: %v, %+v", err, pass)
	}
}

func TestVisitEndsTheList(t *testing.T) {
	enough := errors.New("enough")
	transport := &fake{answer: pages{n: 500}.answer}
	visited := 0
	pass, err := newTestClient(t, transport).ServiceTokens(context.Background(), func(ServiceToken) error {
		if visited++; visited == 150 {
			return enough
		}
		return nil
	})
	if err != enough || pass.Stable || transport.count() != 2 { //nolint:errorlint // it must come back as it is
		t.Errorf("%v, %+v, %d requests", err, pass, transport.count())
	}
}

func TestAnErrorInTheMiddle(t *testing.T) {
	transport := &fake{answer: func(n int, r *http.Request) (*http.Response, error) {
		if n == 2 {
			return response(404, recorded(t, "error_404_no_permission.json")), nil
		}
		return pages{n: 250}.answer(n, r)
	}}
	ids, pass, err := readAll(t, newTestClient(t, transport))
	if KindOf(err) != KindNotFound || len(ids) != 100 || pass.Stable {
		t.Errorf("%d visited, %+v, %v", len(ids), pass, err)
	}
}

func BenchmarkServiceTokens5000(b *testing.B) {
	grant := `{"id": 1, "permission_set": "job_admin", "project_id": 7, "all_projects": false, "state": 1, "writable_environment_categories": []}`
	p := pages{n: 5000, item: func(id int) string {
		return fmt.Sprintf(`{"id": %d, "account_id": 12345, "uid": "abc", "name": "token %d", "state": 1, "created_at": "2023-07-18 12:00:00.123456+00:00",
			"updated_at": "2023-07-18T12:00:00Z", "last_used": null, "metadata_only": false, "webhooks_only": null,
			"permission_grants": [%s, %s, %s]}`, id, id, grant, grant, grant)
	}}
	var bodies []string
	for offset := 0; offset < p.n; offset += pageLimit {
		r, _ := http.NewRequest(http.MethodGet, fmt.Sprintf("http://localhost/?limit=100&offset=%d", offset), nil)
		resp, err := p.answer(0, r)
		if err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, read(b, resp))
	}
	b.ReportAllocs()
	for b.Loop() {
		next := 0
		transport := &fake{answer: func(int, *http.Request) (*http.Response, error) {
			next++
			return response(200, bodies[next-1]), nil
		}}
		c := newTestClient(b, transport)
		n := 0
		pass, err := c.ServiceTokens(context.Background(), func(ServiceToken) error { n++; return nil })
		if err != nil || n != 5000 || !pass.Stable {
			b.Fatal(n, pass, err)
		}
	}
}
