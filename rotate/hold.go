package rotate

import (
	"context"
	"time"
)

// holdBack is how long a signal or deadline is held back from a rotation that
// has a replacement whose value is nowhere: less than the 30 seconds after which
// Kubernetes kills an evicted pod.
const holdBack = 25 * time.Second

// heldContext outlives its parent by holdBack.
type heldContext struct {
	context.Context
	release func()
}

// hold returns a context that is cancelled holdBack after ctx is. Its deadline
// is that much later too, so that whoever looks at it (the client, before it
// waits out a throttling) plans with the time there really is.
func hold(ctx context.Context) *heldContext {
	base := context.WithoutCancel(ctx)
	var held context.Context
	var cancel context.CancelFunc
	if deadline, ok := ctx.Deadline(); ok {
		held, cancel = context.WithDeadline(base, deadline.Add(holdBack))
	} else {
		held, cancel = context.WithCancel(base)
	}
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(holdBack, cancel)
		context.AfterFunc(held, func() { timer.Stop() })
	})
	return &heldContext{Context: held, release: func() { stop(); cancel() }}
}
