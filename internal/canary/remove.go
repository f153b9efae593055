package canary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

var (
	errStillActive = errors.New("it is still shown as active")
	errNoProof     = errors.New("the service answers 404, which a missing permission looks like as well")
)

// deleteLimit bounds a DELETE: what is not answered by then is looked up.
const deleteLimit = 5 * time.Second

func (r *run) delete(ctx context.Context, id int64) error {
	limited, cancel := context.WithTimeout(ctx, deleteLimit)
	defer cancel()
	return r.Client.DeleteServiceToken(limited, id)
}

// remove deletes a token and sees that it is gone. To delete a canary again does
// no harm, so an answer that does not come is tried again.
func (r *run) remove(ctx context.Context, id int64) error {
	const tries = 4
	var last error
	for i := range tries {
		if i > 0 {
			if err := r.Sleep(ctx, time.Second<<(i-1)); err != nil {
				return errors.Join(last, err)
			}
		}
		err := r.delete(ctx, id)
		life, lookErr := r.look(ctx, id)
		switch {
		case lookErr != nil:
			last = lookErr
		case life != active:
			return nil
		case err != nil:
			last = err
		default:
			last = errStillActive
		}
	}
	return last
}

// life is what a look at a token shows.
type life string

const (
	active   life = "active"
	deleted  life = "deleted" // GET answers, with state 2
	notFound life = "404"     // and the list shows others, but not this one
)

// look tells whether a token lives. A 404 counts only when the same credential,
// right after, is shown the whole list, with other tokens in it and without this
// one: a permission that was lost looks like a 404, too.
func (r *run) look(ctx context.Context, id int64) (life, error) {
	t, _, err := r.Client.ServiceToken(ctx, id)
	switch {
	case err == nil && t.State == dbtcloud.Deleted:
		return deleted, nil
	case err == nil:
		return active, nil
	case dbtcloud.KindOf(err) != dbtcloud.KindNotFound:
		return "", err
	}
	tokens, pass, err := r.list(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoProof, err)
	}
	if slices.ContainsFunc(tokens, func(t dbtcloud.ServiceToken) bool { return t.ID == id }) {
		return active, nil
	}
	if len(tokens) == 0 || !pass.Stable && pass.Total >= 0 {
		return "", errNoProof
	}
	return notFound, nil
}

// cleanUp removes whatever this run made, and looks once more for what it may
// have made without knowing.
func (r *run) cleanUp() {
	if !r.posted {
		return
	}
	for _, m := range r.made {
		r.discard(m)
	}
	tokens, _, err := r.list(r.held)
	if err != nil {
		r.fail(fmt.Errorf("whether something is left could not be checked: look for tokens called %q: %w", nameOf(r.nonce), err))
		return
	}
	for _, id := range r.unknown(tokens) {
		m := &made{id: id, name: nameOf(r.nonce)}
		r.made, r.lost = append(r.made, m), false
		r.discard(m)
	}
	if !r.lost {
		return
	}
	text := fmt.Sprintf("a create was not answered, and no list shows its token. Should it appear later, it is called %q: run this again, or delete it by hand", nameOf(r.nonce))
	var suspects []int64
	for _, t := range tokens {
		if !r.before[t.ID] && !slices.ContainsFunc(r.made, func(m *made) bool { return m.id == t.ID }) {
			suspects = append(suspects, t.ID)
		}
	}
	if len(suspects) > 0 {
		text += fmt.Sprintf(". New since the beginning, under other names: tokens %d", suspects[:min(len(suspects), 20)])
	}
	r.errors = append(r.errors, text)
}

// discard removes a token that the run made, or notes that it is left.
func (r *run) discard(m *made) {
	if m.gone {
		return
	}
	if err := r.remove(r.held, m.id); err != nil {
		r.left = append(r.left, Left{TokenID: m.id, Name: m.name, Why: r.text(err)})
		return
	}
	m.gone = true
}
