package rotate

// nextLabel is next for a run that only says whose value each destination holds:
// what is unknown is proved and labelled, as a rotation would, and nothing is
// created, stored or deleted.
func nextLabel(s *state) step {
	for _, part := range []func(*state) (step, bool){nextFailure, nextLife, nextRefusal, nextOwnership} {
		if st, ok := part(s); ok {
			return st
		}
	}
	if i := s.has(empty); i >= 0 {
		return refuse("%s is empty, so there is nothing to label; rotating token %d alone fills it", s.destinations[i].ref, s.old.id)
	}
	return step{do: stop, status: Unchanged, because: "every destination is labelled"}
}
