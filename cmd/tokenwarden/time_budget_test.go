package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimesOf(t *testing.T) {
	night := func(t *testing.T, timeout time.Duration) (*timeBudget, context.CancelFunc) {
		a := newApp(environment{now: time.Now})
		a.common.timeout = &timeout
		ctx, signal := context.WithCancel(t.Context())
		budget := a.timeBudget(ctx)
		t.Cleanup(budget.stop)
		return budget, signal
	}
	left := func(ctx context.Context) time.Duration {
		end, _ := ctx.Deadline()
		return time.Until(end)
	}
	// The usual: some time is kept for telling.
	synctest.Test(t, func(t *testing.T) {
		budget, _ := night(t, 15*time.Minute)
		if got := left(budget.work); got != 12*time.Minute {
			t.Errorf("%s for the work", got)
		}
		time.Sleep(5 * time.Minute)
		ctx, cancel := budget.announcing()
		defer cancel()
		if got := left(ctx); got != 10*time.Minute {
			t.Errorf("%s for telling", got)
		}
	})
	// A rotation was held back beyond the deadline: it is told all the same.
	synctest.Test(t, func(t *testing.T) {
		budget, _ := night(t, time.Minute)
		if got := left(budget.work); got != 48*time.Second {
			t.Errorf("%s for the work", got)
		}
		time.Sleep(70 * time.Second)
		if budget.work.Err() == nil {
			t.Error("the work goes on beyond the deadline")
		}
		ctx, cancel := budget.announcing()
		defer cancel()
		if got := left(ctx); got != grace || ctx.Err() != nil {
			t.Errorf("%s for telling, %v", got, ctx.Err())
		}
	})
	// A signal before or while people are told leaves the grace, and no more.
	for _, before := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			budget, signal := night(t, time.Hour)
			if before {
				signal()
			}
			ctx, cancel := budget.announcing()
			defer cancel()
			signal()
			begun := time.Now()
			<-ctx.Done()
			if got := time.Since(begun); got != grace {
				t.Errorf("cut off after %s", got)
			}
			last, cancel := budget.pinging()
			defer cancel()
			if got := left(last); got != grace || last.Err() != nil {
				t.Errorf("%s for the last ping, %v", got, last.Err())
			}
		})
	}
}
