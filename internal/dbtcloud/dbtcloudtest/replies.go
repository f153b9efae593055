package dbtcloudtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// reply is what a handler answers.
type reply struct {
	status     int
	data       any
	extra      any
	errorCode  json.RawMessage // null where a recorded reply has it
	message    string          // user_message
	developer  *string
	page       string // an HTML body instead of the envelope
	location   string
	retryAfter time.Duration
}

// envelope is what every JSON reply is wrapped in (recorded).
type envelope struct {
	Status    statusBody      `json:"status"`
	Data      any             `json:"data"`
	Extra     any             `json:"extra,omitempty"`
	ErrorCode json.RawMessage `json:"error_code,omitempty"`
}

type statusBody struct {
	Code             int     `json:"code"`
	IsSuccess        bool    `json:"is_success"`
	UserMessage      string  `json:"user_message"`
	DeveloperMessage *string `json:"developer_message"`
}

func success(status int, data any) reply {
	return reply{status: status, data: data, message: "Success!", developer: new("")}
}

func failure(status int, message string) reply {
	return reply{status: status, message: message, developer: new("")}
}

// The failures below have the wording of recorded replies.

func unauthorized(message string) reply {
	return reply{status: http.StatusUnauthorized, message: message}
}

func notFound() reply {
	return failure(http.StatusNotFound, "The requested resource was not found. Please check that you have the proper permissions.")
}

func invalid(field, problem string) reply {
	r := failure(http.StatusBadRequest, "The request was invalid. Please double check the provided data and try again.")
	r.data = map[string]string{field: problem}
	return r
}

func accessDenied(account int64) reply {
	return reply{status: http.StatusForbidden, message: "Forbidden: Access denied", data: map[string]any{
		"account_id": account, "user_id": 1, "is_service_token": true, "account_access_denied": true,
	}}
}

func tooManyRequests(after time.Duration) reply {
	r := failure(http.StatusTooManyRequests, "Request was throttled.") // assumed wording
	r.retryAfter = after
	return r
}

// nowhere is what a path outside the API gets: a page, not an envelope (provider:
// a 404 whose body is no envelope is a wrong URL).
func nowhere() reply {
	return reply{status: http.StatusNotFound, page: "<!doctype html><html><head><title>Not Found</title></head>" +
		"<body><h1>Not Found</h1><p>The requested resource was not found on this server.</p></body></html>\n"}
}

// encoded is a reply as it goes over the wire.
type encoded struct {
	status int
	header http.Header
	body   []byte
}

func (s *Sim) encode(r reply) encoded {
	e := encoded{status: r.status, header: http.Header{}}
	maps.Copy(e.header, s.opts.LimitHeaders)
	if !s.opts.NoDateHeader {
		e.header.Set("Date", s.now().Format(http.TimeFormat))
	}
	if r.retryAfter > 0 {
		e.header.Set("Retry-After", strconv.Itoa(int(r.retryAfter.Seconds())))
	}
	if r.location != "" {
		e.header.Set("Location", r.location)
	}
	switch {
	case r.page != "":
		e.header.Set("Content-Type", "text/html; charset=utf-8")
		e.body = []byte(r.page)
	case r.status != http.StatusNoContent && r.status != http.StatusMovedPermanently:
		e.header.Set("Content-Type", "application/json")
		body, err := json.Marshal(envelope{
			Status: statusBody{Code: r.status, IsSuccess: r.status < 400, UserMessage: r.message, DeveloperMessage: r.developer},
			Data:   r.data, Extra: r.extra, ErrorCode: r.errorCode,
		})
		if err != nil { // a seed's raw value that Load let through
			return s.encode(failure(http.StatusInternalServerError, "Internal Server Error"))
		}
		e.body = body
	}
	if r.status != http.StatusNoContent {
		e.header.Set("Content-Length", strconv.Itoa(len(e.body)))
	}
	return e
}

// without takes fields out of an item, for services that leave them out.
func without(item any, fields []string) any {
	return edited(item, fields, func(m map[string]json.RawMessage, field string) { delete(m, field) })
}

// with adds fields to an item, for services that have more of them.
func with(item any, fields []string) any {
	return edited(item, fields, func(m map[string]json.RawMessage, field string) { m[field] = json.RawMessage("null") })
}

func edited(item any, fields []string, edit func(map[string]json.RawMessage, string)) any {
	if len(fields) == 0 {
		return item
	}
	text, err := json.Marshal(item)
	if err != nil {
		return item
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return item
	}
	for _, f := range fields {
		edit(m, f)
	}
	return m
}

// list answers one page of all; item makes the body of an entry, so that only
// the page's entries are made.
func list[T any](c *call, all []T, item func(T) any) reply {
	limit, offset := c.sim.opts.PageCap, 0
	if n, err := strconv.Atoi(c.query.Get("limit")); err == nil && n > 0 {
		limit = min(n, limit) // spec: at most 100
	}
	if n, err := strconv.Atoi(c.query.Get("offset")); err == nil && n > 0 {
		offset = min(n, len(all))
	}
	items := []any{}
	for _, x := range all[offset:min(offset+limit, len(all))] {
		items = append(items, item(x))
	}
	r := success(http.StatusOK, items)
	filters := map[string]any{"limit": limit, "offset": offset}
	if c.account != nil {
		filters["account_id"] = c.account.id
	}
	r.extra = map[string]any{
		"filters":    filters,
		"order_by":   nil,
		"pagination": map[string]int{"count": len(items), "total_count": len(all)},
	}
	return r
}

// wanted reports whether an item of this state passes the query's ?state=.
func (c *call) wanted(state int) bool {
	filter := c.query.Get("state")
	return filter == "" || filter == strconv.Itoa(state)
}
