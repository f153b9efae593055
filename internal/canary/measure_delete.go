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
	usable := r.facts.accepted != nil && r.facts.accepted.held
	r.take(ctx, ofGone, func(ctx context.Context) error {
		g := goneFact{life: active}
		gone, refused := false, !usable
		f, err := r.wait(ctx, start, func() (done bool, err error) {
			if !gone {
				if g.life, err = r.look(ctx, m.id); err != nil {
					return false, err
				}
				g.after = r.Now().Sub(start)
				gone = g.life != active
			}
			if !refused {
				ok, _, err := r.accepts(ctx, m)
				if err != nil {
					return false, err
				}
				if refused = !ok; refused {
					r.facts.refused = &waitFact{held: true, after: r.Now().Sub(start)}
				}
			}
			return gone && refused, nil
		})
		if m.gone = gone; gone || err == nil {
			r.facts.gone = &g
		}
		if usable && !refused && err == nil {
			r.facts.refused = &waitFact{after: f.after}
		}
		return err
	})
	return nil
}
