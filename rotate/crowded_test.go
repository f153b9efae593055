package rotate_test

import (
	"testing"

	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// A store takes so many labels for one object, which may hold the values of many
// tokens. A rotation whose end, or undo, would find no room is not begun.
func TestRoomForLabels(t *testing.T) {
	row(t, "no room for the end", func(t *testing.T, w *world) {
		w.crowd(2, 4)
		for range 2 {
			w.must(rotate.Refused, w.rotate(defaults()))
		}
		if tokens := w.active(); len(tokens) != 1 {
			t.Errorf("active tokens: %+v", tokens)
		}
	})
	row(t, "enough", func(t *testing.T, w *world) {
		w.crowd(2, 6)
		w.must(rotate.Pending, w.rotate(defaults()))
		w.returned(w.must(rotate.Undone, w.undo(w.old, defaults())))
		w.must(rotate.Pending, w.rotate(defaults()))
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
	})
	row(t, "entries of tokens that are gone make room", func(t *testing.T, w *world) {
		w.crowd(2, 6)
		last := w.must(rotate.Rotated, w.rotate(now()))
		for range 8 {
			last = w.must(rotate.Rotated, w.rotateToken(last.NewTokenID, now()))
		}
		w.finished(last)
	})
}

// crowd labels values of another token that lives, and sets the limit.
func (w *world) crowd(labels, limit int) {
	w.t.Helper()
	set := secrets.Labels{}
	for i := range labels {
		set[secrets.NewValue(string(rune('a'+i))).Fingerprint(accountID)] = secrets.Label{TokenID: 700, AccountID: accountID}
	}
	if err := w.memory.Label(w.t.Context(), w.refs[0], set, nil); err != nil {
		w.t.Fatal(err)
	}
	w.memory.MaxLabels = limit
}
