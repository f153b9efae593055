package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slack-go/slack"
)

// Limits of one message. The first two are documented (docs.slack.dev, Block
// Kit reference); a section's 3,000 characters are kept by the bounds of what
// goes into a block. The total is not documented: msg_blocks_too_long comes at
// about 13,200 characters (slackapi/bolt-js issue 2509), and messages of rich
// text with less text than that are refused too (issue 2867), so what is counted
// here is the whole JSON, which is more than Slack can be counting.
const (
	maxBlocks = 50
	maxHeader = 150
	maxTotal  = 12_000 // bytes of JSON
)

// onTop is how many items the top message of a thread names.
const onTop = 3

// sheet is one message as it is sent.
type sheet struct {
	blocks []slack.Block
	size   int
	items  []Item // those that it tells
}

// add appends a block if it fits beside what must still follow.
func (s *sheet) add(b slack.Block, reserve int) bool {
	size := weigh(b)
	if len(s.blocks)+1 > maxBlocks || s.size+size+reserve > maxTotal {
		return false
	}
	s.blocks = append(s.blocks, b)
	s.size += size
	return true
}

// weigh returns the size of a block in JSON, with the comma after it.
func weigh(b slack.Block) int {
	raw, err := json.Marshal(b)
	if err != nil {
		return maxTotal // cannot be sent either: it fits nowhere
	}
	return len(raw) + 1
}

// top writes the beginning of a message: title and summary.
func top(m Message) sheet {
	s := sheet{}
	s.add(slack.NewHeaderBlock(plain(cut(m.Title, maxHeader))), 0)
	lines := []slack.RichTextElement{}
	for _, line := range m.Summary {
		lines = append(lines, slack.NewRichTextSection(text(line+"\n")))
	}
	if len(lines) > 0 {
		s.add(slack.NewRichTextBlock("", lines...), 0)
	}
	return s
}

// threaded lays a message out as the head of a thread, which names the worst,
// and the replies, which tell everything. The head tells nothing that the
// replies don't: so it can be replaced later in the same night.
func threaded(m Message) (head sheet, replies []sheet) {
	head = top(m)
	if len(m.Items) > 0 {
		var lines []slack.RichTextElement
		for _, item := range urgent(m.Items) {
			lines = append(lines, slack.NewRichTextSection(brief(item)...))
		}
		head.add(slack.NewRichTextBlock("", slack.NewRichTextList(slack.RTEListBullet, 0, lines...)), 0)
		if more := len(m.Items) - onTop; more > 0 {
			head.add(note(fmt.Sprintf("and %d more, with what to do, in the thread. %s", more, m.Footer)), 0)
		} else {
			head.add(note("What to do is in the thread. "+m.Footer), 0)
		}
	}
	current := sheet{}
	for _, item := range m.Items {
		b := details(item, m.Owner)
		if !current.add(b, 0) {
			replies = append(replies, current)
			current = sheet{}
			current.add(b, 0)
		}
		current.items = append(current.items, item)
	}
	if len(current.blocks) > 0 {
		replies = append(replies, current)
	}
	return head, replies
}

// urgent returns the items that the head names: what failed, then the worst,
// then the rest.
func urgent(items []Item) []Item {
	items = slices.Clone(items)
	class := func(i Item) int {
		switch {
		case i.rank() < slices.Index(labels[:], string(KindNew)):
			return 0
		case i.Kind == KindRotation || i.Kind == KindResolved:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(b.Alert.Severity, a.Alert.Severity))
	})
	return items[:min(onTop, len(items))]
}

// single lays a message out for a channel without threads: as many items as fit,
// and how many did not. The title counts them all, so all are told.
func single(m Message) sheet {
	s := top(m)
	s.items = m.Items
	rest := len(m.Items)
	closing := func() slack.Block {
		if rest == 0 {
			return note(m.Footer)
		}
		return note(fmt.Sprintf("and %d more that do not fit here. %s", rest, m.Footer))
	}
	reserve := weigh(closing())
	for _, item := range m.Items {
		if len(s.blocks)+2 > maxBlocks || !s.add(details(item, m.Owner), reserve) {
			break
		}
		rest--
	}
	s.add(closing(), 0)
	return s
}

// note writes a small line.
func note(s string) slack.Block { return slack.NewContextBlock("", plain(s)) }

// plain makes text in which Slack parses nothing, emoji included.
func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}
