package rotate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

// leastTime is what a rotation needs before its deadline to be begun at all.
const leastTime = 60 * time.Second

// maxSteps ends a run that does not settle, for example because people keep
// changing things under it. The longest rotation takes far fewer.
const maxSteps = 200

// run is one rotation under way.
type run struct {
	*Rotator
	account int64
	req     Request
	api     Client // as the credential in use; the replacement's after the switch
	s       state
	result  Result
	latest  *Survey      // the last list pass
	deleted []int64      // the replacements that a look has shown as deleted
	held    *heldContext // set from just before the create until the value is stored or removed
}

// Rotate brings one rotation as far as it can be brought now. It never panics
// and never returns half a result: what happened is in the Result. The survey
// must be recent; it is the first observation.
func (r *Rotator) Rotate(ctx context.Context, survey *Survey, req Request, opts Options) Result {
	if opts.DryRun {
		r = r.dry()
	}
	opts = opts.compromised()
	if opts.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opts.Timeout)
		defer cancel()
	}
	u := &run{
		Rotator: r.withDefaults(),
		account: r.Account.ID,
		req:     req,
		latest:  survey,
		api:     r.Account.As(r.Account.Credential),
		s:       state{policy: policy{Options: opts, credential: r.Account.Credential}, hasCommand: len(req.AfterStore) > 0},
		result: Result{AccountID: r.Account.ID, Account: r.Account.Name, OldTokenID: req.TokenID,
			Destinations: []DestinationResult{}, Steps: []StepResult{}},
	}
	u.s.old.id, u.s.undo.asked = req.TokenID, req.Undo
	u.rotate(ctx, survey)
	if u.held != nil {
		u.held.release()
	}
	return u.result
}

func (r *Rotator) withDefaults() *Rotator {
	c := *r
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return &c
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (u *run) rotate(ctx context.Context, survey *Survey) {
	if err := u.begin(ctx, survey); err != nil {
		u.s.run.failure, u.s.run.widespread = err.Error(), widespread("", err)
		u.finish(ending(err))
		return
	}
	for range maxSteps {
		u.notice(ctx)
		st := next(&u.s)
		u.Log.Debug("next step", "token", u.s.old.id, "step", st.do, "about", st.token, "because", st.because)
		if st.do == stop {
			u.finish(st)
			return
		}
		u.Progress(u.describe(st))
		err := u.act(u.context(ctx), st)
		if planned, ok := errors.AsType[*plannedError](err); ok {
			u.plan(planned.what)
			u.finish(step{do: stop, status: Planned, because: "nothing was changed; the first change would be to " + planned.what})
			return
		}
		u.note(st, err)
		if _, again := errors.AsType[*againError](err); again {
			continue
		}
		if err != nil {
			u.s.run.widespread = u.s.run.widespread || widespread(st.do, err)
			if st.do == remove || u.s.run.failure != "" {
				// Cleaning up failed as well: say so and leave it to the next run.
				u.finish(fail("%s; and %s of replacement %d failed too (%v): the same command finishes it later", u.failureOr(err), st.do, st.token, err))
				return
			}
			u.s.run.failure = err.Error()
		}
	}
	u.finish(fail("this rotation does not settle (%d steps): something else keeps changing the tokens or the destinations", maxSteps))
}

func (u *run) failureOr(err error) string {
	if u.s.run.failure != "" {
		return u.s.run.failure
	}
	return err.Error()
}

// ending is the stop for an error before the first step.
func ending(err error) step {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refuse("%s", refused.because)
	}
	return fail("%v", err)
}

// notice tells the state when nothing new may be begun.
func (u *run) notice(ctx context.Context) {
	u.s.run.interrupted = ctx.Err() != nil
	// A deadline is in the runtime's time, whatever local clock we were given.
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < leastTime {
		u.s.run.stopping = fmt.Sprintf("less than %s is left of the time allowed, and no rotation is begun with that", leastTime)
	}
}

// context is the one that the next step runs under: ctx itself, or one that
// outlives a signal while a replacement exists whose value is nowhere.
func (u *run) context(ctx context.Context) context.Context {
	critical := u.s.run.mayHaveCreated || u.s.mine() != nil
	switch {
	case critical && u.held != nil:
		return u.held
	case u.held != nil:
		u.held.release()
		u.held = nil
	}
	return ctx
}

// note writes a step into the result.
func (u *run) note(st step, err error) {
	n := StepResult{Step: string(st.do), At: u.Now().UTC(), Outcome: "done", Detail: st.because}
	switch st.do {
	case prove, recognise, adopt, store, putBack:
		n.Detail = u.s.destinations[st.destination].ref.String()
	default:
	}
	if err != nil {
		n.Outcome, n.Detail = "failed", err.Error()
	}
	u.result.Steps = append(u.result.Steps, n)
}

// finish fills the result from the last state.
func (u *run) finish(st step) {
	r := &u.result
	r.Status = st.status
	switch st.status {
	case Refused, Failed:
		r.Error = st.because
	case Rotated, Pending, Unchanged, Planned, Undone:
		r.Message = st.because
	}
	if !st.until.IsZero() {
		until := st.until.UTC()
		r.PendingUntil = &until
	}
	r.NewTokenID = st.token
	if w := u.s.winner(); w != nil {
		r.NewTokenID = w.id()
	}
	if r.Name == "" {
		r.Name, _, _ = inflight.Split(u.s.old.token.Name)
	}
	r.Destinations = []DestinationResult{}
	if u.s.undo.asked {
		r.Undo, r.OldTokenID, r.NewTokenID = true, u.s.old.id, u.s.undo.leaver
	}
	for _, d := range u.s.destinations {
		holds := d.owner == ofReplacement && d.label.TokenID == r.NewTokenID
		if u.s.undo.asked {
			holds = d.owner == ofOld
		}
		if u.s.successor != 0 && d.label.TokenID == u.s.successor {
			holds = true
		}
		r.Destinations = append(r.Destinations, DestinationResult{Ref: d.ref.String(), Written: holds, ReadBack: holds})
	}
	if u.s.run.renameRefused != "" {
		r.Warnings = append(r.Warnings, u.s.run.renameRefused)
	}
	if st.status == Pending {
		r.Message += "; tokenwarden rotate --pending ends it then"
	}
	r.Compromised, r.Widespread = u.s.policy.Compromised, st.status == Failed && u.widespread()
	u.stillAlive()
}

// describe says in a few words what a step does, for the progress line.
func (u *run) describe(st step) string {
	switch st.do {
	case prove, recognise, adopt, store, putBack:
		return fmt.Sprintf("%s %s", st.do, u.s.destinations[st.destination].ref)
	default:
		return string(st.do)
	}
}

// refusedError is an error that ends a rotation as refused rather than failed.
type refusedError struct{ because string }

func (e *refusedError) Error() string { return e.because }

var errEvidence = errors.New("writing evidence")

// write performs one change with its evidence around it: an intent that cannot
// be written down means that the change is not made.
func (u *run) write(ctx context.Context, e Entry, change func() error) error {
	e.AccountID, e.OldTokenID = u.account, u.s.old.id
	if err := u.record(ctx, e, "intent", ""); err != nil {
		return fmt.Errorf("%w before %s, which was therefore not done: %w", errEvidence, e.Step, err)
	}
	err := change()
	if isPlanned(err) {
		return err
	}
	u.s.run.changed, u.s.run.fresh, u.s.run.swept = true, false, false
	outcome := "done"
	if err != nil {
		outcome, e.Detail = "failed", err.Error()
	}
	if recordErr := u.record(ctx, e, "outcome", outcome); recordErr != nil && err == nil {
		return fmt.Errorf("%w after %s, which was done: %w", errEvidence, e.Step, recordErr)
	}
	return err
}

// witness writes down what was seen.
func (u *run) witness(ctx context.Context, e Entry) error {
	e.AccountID, e.OldTokenID = u.account, u.s.old.id
	if err := u.record(ctx, e, "seen", ""); err != nil {
		return fmt.Errorf("%w of %s: %w", errEvidence, e.Step, err)
	}
	return nil
}

func (u *run) record(ctx context.Context, e Entry, phase, outcome string) error {
	if u.Evidence == nil {
		return nil
	}
	e.At, e.ServerTime, e.Phase, e.Outcome = u.Now().UTC(), u.s.now, phase, outcome
	e.Compromised = u.s.policy.Compromised != ""
	return u.Evidence.Record(ctx, e)
}

// saw takes over the server time of a reply.
func (u *run) saw(date time.Time) {
	if !date.IsZero() {
		u.s.now = date
	}
}

var _ Client = (*dbtcloud.Client)(nil)
