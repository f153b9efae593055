package config

import "github.com/tokenwarden/tokenwarden/secrets"

// places remembers who claimed which destination. Two references of one place
// are told by secrets.Ref.Place, so by what is written: that awssm://x means
// the region of another awssm://x?region=R, or that a path is a link to
// another, is not known here.
type places[T any] map[string]T

// claim takes ref for who. If it was taken before, it says by whom and leaves
// it so. A whole secret (AWS without a JSON key) and a key within the same
// secret are in each other's way.
func (p places[T]) claim(ref secrets.Ref, who T) (other T, twice bool) {
	place, object, within := ref.Place(), ref.Object(), "within "+ref.Object()
	asked := []string{place, object}
	if ref.Field == "" {
		asked = append(asked, within)
	}
	for _, key := range asked {
		if other, twice = p[key]; twice {
			return other, true
		}
	}
	p[place] = who
	if ref.Field != "" {
		p[within] = who
	}
	return other, false
}
