package canary

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"sync"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// Replies collects how the replies of a run looked.
type Replies struct {
	mu        sync.Mutex
	all       int
	undated   int
	throttled int
	deletion  *dbtcloud.Reply // the last one to a DELETE
	limits    map[string]string
}

// Note takes a reply in. It is what a client's Observed calls.
func (r *Replies) Note(reply dbtcloud.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all++
	if reply.Date.IsZero() {
		r.undated++
	}
	if reply.Status == http.StatusTooManyRequests {
		r.throttled++
	}
	if reply.Method == http.MethodDelete {
		r.deletion = &reply
	}
	if r.limits == nil {
		r.limits = map[string]string{}
	}
	for name, values := range reply.Limits {
		if !headerName.MatchString(name) {
			continue
		}
		r.limits[name] = "(not shown)"
		if len(values) > 0 && headerValue.MatchString(values[0]) {
			r.limits[name] = values[0]
		}
	}
}

var (
	headerName  = regexp.MustCompile(`^[A-Za-z0-9-]{1,60}$`)
	headerValue = regexp.MustCompile(`^[A-Za-z0-9 ,;:=."-]{0,60}$`)
	fieldName   = regexp.MustCompile(`^[a-z0-9_]{1,60}$`)
)

func (r *Replies) fact() *repliesFact {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == 0 {
		return nil
	}
	f := &repliesFact{all: r.all, undated: r.undated, throttled: r.throttled}
	for _, name := range slices.Sorted(maps.Keys(r.limits)) {
		f.limits = append(f.limits, name+": "+r.limits[name])
	}
	return f
}

// forgetDeletion makes the next DELETE's reply the last one.
func (r *Replies) forgetDeletion() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deletion = nil
}

func (r *Replies) deletionFact() *deletionFact {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deletion == nil {
		return nil
	}
	return &deletionFact{status: r.deletion.Status, body: r.deletion.Bytes > 0}
}
