// Package notify tells people what a night found: in Slack, by a heartbeat, and
// in a GitHub step summary. It imports nothing of ours but secrets.
//
// An alert is a state to ensure, not an event to fire. Each night the caller
// hands over everything that stands now; Decide compares it with the State that
// was kept, and Notifier.Ensure announces the difference: once when it is new,
// again when it changes or is resolved, and every Remind while it stands. What
// Slack did not accept is not remembered as told, and so comes again next time.
//
// A nightly command uses it like this:
//
//	heartbeat := notify.Heartbeat{URL: url}
//	_ = heartbeat.Start(ctx)
//	nights := ...            // audit and rotate, one Night for each account
//	channel, err := notify.NewBot(notify.BotConfig{Token: token, Channel: "C0123456789"})
//	n := notify.Notifier{Channel: channel, States: notify.FileState{Path: path}, Remind: 7 * 24 * time.Hour, Owner: owner}
//	result, err := n.Ensure(ctx, nights) // err: something was not announced: exit 2
//	if result.State != nil { ... }       // the state was missing or broken: say so, go on
//	_ = heartbeat.Done(ctx, exitCode)    // the last thing of all
//
// Two runs at once, on any machines, announce once: a run claims the state by
// check-and-set before it says anything, and the other one waits. Announcing is
// at least once: a run that is killed after Slack took a message and before the
// state was saved leaves that message to be said again.
package notify
