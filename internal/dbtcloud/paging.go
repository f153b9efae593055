package dbtcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
)

const (
	pageLimit = 100 // the most the service gives at once (spec)
	maxPasses = 3   // how often a list that must be whole is read anew
)

var (
	errNoData   = errors.New("the reply has no data")
	errNotAList = errors.New("the data of the reply is not a list")
	errRepeats  = errors.New("the service gives the same page again and not the rest of the list")
	errMoving   = errors.New("the list came back shorter or longer than its total_count every time it was read")
)

// listing is a list of the API that is read page by page.
type listing[T any] struct {
	op    string
	path  string
	query url.Values // besides limit and offset
	id    func(T) int64
}

// each visits the items of a list in the service's order, each id once, and
// keeps no more than one page in memory. An error of visit ends it and is
// returned as it is.
//
// The offset moves by what was received, not by what was asked for, in case the
// service caps the limit lower. The list ends where the service's total says,
// or at an empty page (items were deleted meanwhile, or there is no total: a
// short page proves nothing then). A page with nothing new ends it too, because
// a service that ignores the offset would go on for ever; it is an error unless
// everything must have been on it.
func each[T any](ctx context.Context, c *Client, l listing[T], visit func(T) error) (Pass, error) {
	pass := Pass{Total: -1}
	steady := true
	seen := map[int64]struct{}{}
	for offset := 0; ; {
		rows, rep, err := c.page(ctx, l.op, l.path, l.query, offset)
		if err != nil {
			return pass, err
		}
		if offset == 0 || rep.total >= 0 { // a page that does not say takes nothing back
			steady = steady && (offset == 0 || rep.total == pass.Total)
			pass.Total = rep.total
		}
		pass.Date = rep.date
		fresh := false
		for i, row := range rows {
			var item T
			err := json.Unmarshal(row, &item)
			if err == nil && l.id(item) <= 0 {
				err = errNoID
			}
			if err != nil {
				return pass, c.unreadable(l.op, rep, fmt.Errorf("item %d of the list: %w", offset+i+1, err))
			}
			if _, again := seen[l.id(item)]; again {
				steady = false
				continue
			}
			seen[l.id(item)], fresh = struct{}{}, true
			pass.Read++
			if err := visit(item); err != nil {
				return pass, err
			}
		}
		offset += len(rows)
		full := len(rows) >= pageLimit
		switch {
		case len(rows) > 0 && !fresh:
			if pass.Read < pass.Total || (pass.Total < 0 && len(rows) == pageLimit) {
				return pass, c.unreadable(l.op, rep, errRepeats)
			}
		case len(rows) > 0 && (pass.Total < 0 || offset < pass.Total || (offset > pass.Total && full)):
			continue // in the last case the total cannot be right
		}
		pass.Stable = steady && pass.Read == pass.Total
		return pass, nil
	}
}

// all collects a list.
func all[T any](ctx context.Context, c *Client, l listing[T]) ([]T, error) {
	items, _, err := collect(ctx, c, l)
	return items, err
}

// whole collects a list of which no item may be missing: it reads it anew when
// it did not come to its total_count, and fails when it never does.
func whole[T any](ctx context.Context, c *Client, l listing[T]) ([]T, error) {
	for range maxPasses {
		items, pass, err := collect(ctx, c, l)
		if err != nil || pass.Stable || pass.Total < 0 {
			return items, err
		}
	}
	return nil, c.unreadable(l.op, reply{}, errMoving)
}

func collect[T any](ctx context.Context, c *Client, l listing[T]) ([]T, Pass, error) {
	var items []T
	pass, err := each(ctx, c, l, func(item T) error {
		items = append(items, item)
		return nil
	})
	if err != nil {
		items = nil
	}
	return items, pass, err
}

// page reads one page. A data of null is an empty list only where the total says
// so too; else it is no list, as no data at all is none: either would make an
// empty account of an answer that shows nothing.
func (c *Client) page(ctx context.Context, op, path string, query url.Values, offset int) ([]json.RawMessage, reply, error) {
	q := url.Values{"limit": {strconv.Itoa(pageLimit)}, "offset": {strconv.Itoa(offset)}}
	for key, values := range query {
		q[key] = slices.Clone(values)
	}
	rep, err := c.get(ctx, op, path, q)
	if err != nil {
		return nil, rep, err
	}
	if !rep.hasData {
		return nil, rep, c.unreadable(op, rep, errNoData)
	}
	var rows []json.RawMessage
	if json.Unmarshal(rep.data, &rows) != nil || (rows == nil && rep.total != 0) {
		return nil, rep, c.unreadable(op, rep, errNotAList)
	}
	return rows, rep, nil
}

// unreadable makes the Error of a reply whose data is not what it should be.
func (c *Client) unreadable(op string, rep reply, cause error) *Error {
	e := c.fail(request{op: op}, KindMalformed, cause)
	e.Status, e.Date = rep.status, rep.date
	return e
}
