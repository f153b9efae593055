package rotate

import "fmt"

// A compromised token goes in the run that replaces it: whoever has its value
// can use it until then. Everything else is as in any rotation.

// compromised takes over what that means for a run.
func (o Options) compromised() Options {
	if o.Compromised != "" {
		o.Now = true
	}
	return o
}

// stillAlive tells a person in a hurry what to do when the run ended and the
// token did not.
func (u *run) stillAlive() {
	r := &u.result
	id, life := u.s.old.id, u.s.old.life
	if u.s.undo.asked { // it was the replacement, from which an undo takes its place back
		id, life = u.s.undo.leaver, alive
		if u.s.replacement(id) == nil {
			life = gone
		}
	}
	if u.s.policy.Compromised == "" || life == gone || r.Status == Planned {
		return
	}
	why := "see to what kept this run from it, and run the command again; if that does not end it, delete the token in dbt Cloud by hand: whoever reads its value then fails until the destinations are given another"
	w := u.s.winner()
	switch stored := w != nil && u.s.lacking(w.id()) < 0; {
	case stored && u.s.hasCommand && !u.s.run.commandDone:
		why = "every destination holds the new value, and only the after_store command is missing: correct it, or do by hand what it does and take it out of the configuration, and run the same command again"
	case stored:
		why = "every destination holds the new value: run the same command again, or delete the token in dbt Cloud by hand"
	}
	is := "is"
	if life == unseen {
		is = "may be" // 404, or nothing was seen at all
	}
	u.warn(fmt.Sprintf("token %d is compromised, and it %s still alive: %s", id, is, why))
}
