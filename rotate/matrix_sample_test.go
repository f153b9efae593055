package rotate_test

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// forMakeMatrix is why a cell with real stores is not played by make test.
const forMakeMatrix = "with real stores: one of its kind is played by `make test`, every one by `make matrix`"

// kind is what cells with real stores have in common, of which make test plays
// one: the same fault at the first request of a kind, or at a later one, with
// one store or with both.
type kind struct {
	side, operation, fault string
	later, both            bool
}

// sample chooses the cells that make test plays: all that have their store in
// memory, and one of each kind with real stores at a request to them. Which one
// goes by a hash: all starts have their share, and a new kind moves no other.
func sample(all [][]cell) (chosen [][]cell, left int) {
	same := map[kind][]int{} // by kind: the starts that have such a cell
	of := func(c cell) kind {
		both := slices.ContainsFunc(sets(), func(s set) bool { return s.both() && s.has(c.start) })
		return kind{c.side, c.operation, c.fault.name, c.nth > 1, both}
	}
	for i, cells := range all {
		for _, c := range cells {
			k := of(c)
			if c.start.shelf == nil || c.side != onVault && c.side != onAWS || slices.Contains(same[k], i) {
				continue
			}
			same[k] = append(same[k], i)
		}
	}
	turn := map[kind]int{}
	for k, starts := range same {
		h := fnv.New32a()
		_, _ = fmt.Fprint(h, k)
		turn[k] = starts[h.Sum32()%uint32(len(starts))]
	}
	for i, cells := range all {
		var mine []cell
		for _, c := range cells {
			k := of(c)
			start, isKind := turn[k]
			switch {
			case c.start.shelf == nil:
				mine = append(mine, c)
			case isKind && start == i:
				mine = append(mine, c)
				delete(turn, k)
			default:
				left++
			}
		}
		chosen = append(chosen, mine)
	}
	return chosen, left
}
