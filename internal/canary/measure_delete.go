package canary

import "context"

// measureDeletion deletes the canary and looks what it answers from then on, and
// how soon its value is refused.
func (r *run) measureDeletion(ctx context.Context, m *made) error {
	r.Replies.forgetDeletion()
	if err := r.delete(r.held, m.id); err != nil {
		return err // cleanUp looks what came of it
	}
	r.facts.deletion = r.Replies.deletionFact()
	start := r.Now()
	r.take(ctx, ofGone, func(ctx context.Context) error {
		var seen life
		_, err := r.wait(ctx, func() (gone bool, err error) {
			seen, err = r.look(ctx, m.id)
			return seen != active, err
		})
		if err != nil {
			return err
		}
		m.gone = seen != active
		r.facts.gone = &goneFact{life: seen, after: r.Now().Sub(start)}
		return nil
	})
	if r.facts.accepted == nil || !r.facts.accepted.held {
		return nil
	}
	r.take(ctx, ofRefused, func(ctx context.Context) error {
		f, err := r.wait(ctx, func() (bool, error) {
			ok, _, err := r.accepts(ctx, m)
			return !ok, err
		})
		if err != nil {
			return err
		}
		f.after = r.Now().Sub(start)
		r.facts.refused = &f
		return nil
	})
	return nil
}
