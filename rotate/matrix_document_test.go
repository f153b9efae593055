package rotate_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const documentFile = "../docs/fault-matrix.md"

// document compares the matrix with the document, or writes it.
func document(t *testing.T, all [][]cell, cells []played, skipped map[string]int) {
	t.Helper()
	want := describe(all, cells, skipped)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(documentFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	is, was := strings.Split(want, "\n"), strings.Split(string(got), "\n")
	for i, line := range is {
		if i >= len(was) || was[i] != line {
			t.Fatalf("docs/fault-matrix.md is stale from line %d on; make docs writes it anew. It has to say:\n%s", i+1, line)
		}
	}
	t.Fatal("docs/fault-matrix.md is stale: it is longer than the matrix; make docs writes it anew")
}

const introduction = `# The fault matrix

Written by ` + "`make docs`" + ` and compared by ` + "`make test`" + `.

A cell is one fault at one call of ` + "`tokenwarden rotate`" + `, from one start. First the command runs without a fault, and each call that
it makes is noted: every request to dbt Cloud, every call of a store, every line of evidence, the after_store command. Then, in a fresh world
for each cell, it runs again and the fault happens at that call; and then the same command runs as another process with the same
configuration, until it has settled, which may take three runs and, where an orphan has to be old enough to be dropped, eleven minutes. The
service is the simulator of this repository, time is virtual.

In the starts of the first table the store is in memory, and each of its calls goes wrong as a whole. In those of the second table the
stores are the real ones, logged in with the permissions that [stores/vault.md](stores/vault.md) and [stores/aws.md](stores/aws.md) say suffice, and
what goes wrong is each single request that they make to the stand-ins for Vault and for AWS Secrets Manager. Destinations are written
in the order of their references, so that with both at once AWS (` + "`awssm://`" + `) always comes first and is the arbiter. ` + "`make test`" + ` plays one cell of each
kind: a fault, at the first request of its kind or at a later one, with one store or with both; ` + "`make matrix`" + ` plays every cell, those
with faults at dbt Cloud among them.

At every change of the service and of the store a watch that knows nothing of the rotation's code holds the state against the
guarantees; a violation, a secret in anything that a run says, or a fault that was never reached fails the test. In the end there is exactly one
active token, equal to the old one, in every destination, under the plain name, and one run more changes nothing. With real
stores it looks into the servers besides, at each request: other fields, keys, tags, metadata and settings of the same secret stay as they
are, and the version before the present one can be recovered.

*killed* is what becomes of a run that dies in the middle of a call; *failed* is exit code 2, *refused* 1, all others 0. A *pending* rotation is run again
when its overlap is over. Where all cells of a row came to the same, no number is given.
`

// describe makes the document of the cells.
func describe(all [][]cell, cells []played, skipped map[string]int) string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("\n## Starts\n\n| start | what it is | calls | cells |\n|---|---|---:|---:|\n")
	const stores = "\n## Starts with real stores\n\n| start | what it is | calls | cells | of them by `make test` |\n|---|---|---:|---:|---:|\n"
	begun := false
	for _, mine := range all {
		s, calls := mine[0].start, map[point]bool{}
		for _, c := range mine {
			calls[c.point] = true
		}
		if s.shelf == nil {
			fmt.Fprintf(&b, "| %s | %s | %d | %d |\n", s.name, s.about, len(calls), len(mine))
			continue
		}
		if !begun {
			begun = true
			b.WriteString(stores)
		}
		now := slices.DeleteFunc(slices.Clone(cells), func(c played) bool { return c.start != s })
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d |\n", s.name, s.about, len(calls), len(mine), len(now))
	}
	for _, side := range []string{onService, onStore, onVault, onAWS, onEvidence, onCommand} {
		fmt.Fprintf(&b, "\n## Faults at %s\n", side)
		operations := map[string][]played{}
		for _, c := range cells {
			if c.side == side {
				operations[c.operation] = append(operations[c.operation], c)
			}
		}
		for _, operation := range slices.Sorted(maps.Keys(operations)) {
			fmt.Fprintf(&b, "\n### %s: %s\n\n| fault | cells | first run | second run | later runs |\n|---|---:|---|---|---|\n", side, operation)
			for _, f := range faultsOf(side) {
				row := slices.DeleteFunc(slices.Clone(operations[operation]), func(c played) bool { return c.fault.name != f.name })
				if len(row) > 0 {
					fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", f.name, len(row), came(row, 0), came(row, 1), came(row, 2))
				}
			}
		}
	}
	b.WriteString("\n## Cells that were left out\n\n| cells | why |\n|---:|---|\n")
	left := 0
	for _, why := range slices.Sorted(maps.Keys(skipped)) {
		left += skipped[why]
		fmt.Fprintf(&b, "| %d | %s |\n", skipped[why], why)
	}
	fmt.Fprintf(&b, "\n%d cells run, %d left out, none retried: nothing here depends on real time.\n", len(cells), left)
	return b.String()
}

// came sums up how the nth run of some cells ended; the third stands for all
// that are later.
func came(row []played, nth int) string {
	const later = 2
	counts := map[string]int{}
	for _, c := range row {
		text := "–"
		switch {
		case nth == later && len(c.runs) > later:
			text = strings.Join(c.runs[later:], ", then ")
		case nth < later && nth < len(c.runs):
			text = c.runs[nth]
		}
		counts[text]++
	}
	if len(counts) == 1 {
		return slices.Collect(maps.Keys(counts))[0]
	}
	var parts []string
	for _, text := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	}) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[text], text))
	}
	return strings.Join(parts, ", ")
}
