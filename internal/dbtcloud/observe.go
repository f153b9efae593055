package dbtcloud

import (
	"net/http"
	"strings"
	"time"
)

// Reply is what an HTTP reply says besides its meaning, for whoever measures how
// the service behaves. It has nothing of the body, and of the header only what
// speaks of limits.
type Reply struct {
	Method string
	Status int
	Bytes  int         // length of the body, as far as it was read
	Date   time.Time   // zero: the reply had no Date header
	Limits http.Header // Retry-After, and whatever else is named after a rate limit; hostile
}

// Observed returns a client with the same credential and the same limit that
// tells f of every HTTP reply, those included after which a request is tried
// again. Calls of f are as concurrent as those of the client.
func (c *Client) Observed(f func(Reply)) *Client {
	observed := *c
	observed.observe = f
	return &observed
}

// tell passes a reply on to the one who observes, if there is one.
func (c *Client) tell(method string, resp *http.Response, size int, date time.Time) {
	if c.observe == nil {
		return
	}
	limits := http.Header{}
	for name, values := range resp.Header {
		plain := strings.ReplaceAll(strings.ToLower(name), "-", "")
		if plain == "retryafter" || strings.Contains(plain, "ratelimit") {
			limits[name] = append([]string(nil), values...)
		}
	}
	c.observe(Reply{Method: method, Status: resp.StatusCode, Bytes: size, Date: date, Limits: limits})
}
