package canary

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

var (
	errElseRenamed = errors.New("the canary has a name that this run did not give it")
	errNotShown    = errors.New("a rename was accepted, and the token still shows the name before it")
)

// lengths are the lengths of names that are tried, shortest first: what people
// choose as limits, and one more.
func lengths() []int { return []int{100, 128, 129, 255, 256, 512, 1024} }

// measureLength renames the canary to longer and longer names, finds the longest
// that is kept, and gives it its own name back.
func (r *run) measureLength(ctx context.Context, m *made) error {
	t, err := r.readBack(ctx, m)
	if err != nil {
		return err
	}
	if t.Name != m.name {
		r.missing[ofLength] = "the create has not kept the name that was asked for, so no longer one was tried"
		return nil
	}
	var f lengthFact
	current, turn := m.name, 0
	good, bad := len(m.name), 0
	try := func(n int) error {
		turn++
		to := longer(m.name, n, turn)
		kept, why, err := r.rename(ctx, m, current, to)
		if err != nil {
			return err
		}
		switch {
		case kept == n:
			good = n
		case kept > 0:
			good, bad, f.beyond = kept, kept+1, "cut"
		default:
			bad, f.beyond = n, why
		}
		if kept > 0 {
			current = to[:kept]
		}
		return nil
	}
	for _, n := range lengths() {
		if err == nil && bad == 0 {
			err = try(n)
		}
	}
	for err == nil && bad-good > 1 {
		err = try((good + bad) / 2)
	}
	if err != nil {
		return err
	}
	f.longest, f.most = good, bad == 0
	r.facts.length = &f
	if current != m.name {
		_, _, err = r.rename(ctx, m, current, m.name)
	}
	return err
}

// rename gives the canary another name and reads what came of it: how many
// characters of it were kept, 0 with the reason when it was refused. A name that
// the service cannot store may be answered by 500, so that counts as a refusal
// when it comes again.
func (r *run) rename(ctx context.Context, m *made, from, to string) (kept int, why string, err error) {
	const tries = 3
	var putErr error
	for range tries {
		putErr = r.Client.RenameServiceToken(ctx, m.id, to)
		kept, err := r.keptOf(ctx, m, from, to, putErr == nil)
		if err != nil || kept > 0 {
			return kept, "", err
		}
		switch kind := dbtcloud.KindOf(putErr); kind {
		case dbtcloud.KindInvalid:
			return 0, "refused", nil
		case dbtcloud.KindServer, dbtcloud.KindTransport, dbtcloud.KindMalformed, dbtcloud.KindThrottled:
		default:
			if putErr == nil {
				putErr = errNotShown
			}
			return 0, "", putErr
		}
		if err := r.Sleep(ctx, time.Second); err != nil {
			return 0, "", err
		}
	}
	if dbtcloud.KindOf(putErr) == dbtcloud.KindServer {
		return 0, "answered by an error of the service", nil
	}
	return 0, "", putErr
}

// keptOf reads how much of the new name the canary has; 0 when it has the one
// before. After a success it is looked at for a few seconds: the reply may come
// from a copy that lags behind.
func (r *run) keptOf(ctx context.Context, m *made, from, to string, accepted bool) (int, error) {
	pauses := []time.Duration{0}
	if accepted {
		pauses = []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second}
	}
	for _, pause := range pauses {
		if pause > 0 {
			if err := r.Sleep(ctx, pause); err != nil {
				return 0, err
			}
		}
		t, _, err := r.Client.ServiceToken(ctx, m.id)
		switch {
		case err != nil:
			return 0, err
		case t.Name == to:
			return len(to), nil
		case t.Name == from:
		case t.Name != "" && strings.HasPrefix(to, t.Name):
			return len(t.Name), nil
		default:
			return 0, errElseRenamed
		}
	}
	return 0, nil
}

// measureDuplicate creates a second canary with the name of the first, and
// removes it.
func (r *run) measureDuplicate() error {
	taken, changed, err := r.double()
	if err != nil {
		return err
	}
	r.facts.names = &namesFact{duplicate: taken, changed: changed}
	return nil
}

// measureReuse does the same when the first is deleted.
func (r *run) measureReuse() error {
	taken, changed, err := r.double()
	if err != nil {
		return err
	}
	free := taken && !changed
	r.facts.names.reuse = &free
	return nil
}

func (r *run) double() (taken, changed bool, err error) {
	m, reply, _, err := r.create()
	if isRefusal(err) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	if err := r.remove(r.held, m.id); err != nil {
		return false, false, err // cleanUp tries again, and names it
	}
	m.gone = true
	return true, reply.Name != m.name, nil
}
