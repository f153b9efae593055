package notify

import (
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Bounds of one item's texts, in characters. A remedy that is longer is left out
// and not cut: half a command must not be pasted.
const (
	maxSentence = 500
	maxRemedy   = 500
)

// Whatever may hold text from outside goes into rich_text text elements, in
// which Slack parses nothing: no markup, no mention, no link, no emoji (vendor
// documentation). Only a mention element can ping, and it is made of a
// configured ID alone.

// details writes an item with everything there is to it.
func details(item Item, owner func(string) string) *slack.RichTextBlock {
	line := []slack.RichTextSectionElement{bold(stamp(item) + " ")}
	sentence, remedy, name, who := item.Alert.Headline, item.Alert.Remedy, item.Alert.Resource, item.Alert.Owner
	if item.Kind == KindRotation {
		sentence, remedy, name, who = rotation(item.Rotation), item.Rotation.Remedy, item.Rotation.Name, item.Rotation.Owner
	} else {
		line = append(line, text(cut(clean(item.Alert.Rule), maxName)+" "))
	}
	if name != "" {
		line = append(line, code(name))
	}
	if owner != nil && item.Kind != KindResolved {
		if m := mention(owner(who)); m != nil {
			line = append(line, text(" "), m)
		}
	}
	if sentence != "" {
		line = append(line, text("\n"+cut(clean(sentence), maxSentence)))
	}
	elements := []slack.RichTextElement{slack.NewRichTextSection(line...)}
	if command := clean(remedy); command != "" && command == cut(command, maxRemedy) && item.Kind != KindResolved {
		elements = append(elements, &slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: []slack.RichTextSectionElement{text(command)}})
	}
	return slack.NewRichTextBlock("", elements...)
}

// brief writes an item as one line, for the top of a message.
func brief(item Item) []slack.RichTextSectionElement {
	line, name := []slack.RichTextSectionElement{bold(stamp(item) + " ")}, item.Rotation.Name
	if item.Kind != KindRotation {
		line, name = append(line, text(cut(clean(item.Alert.Rule), maxName)+" ")), item.Alert.Resource
	}
	if name != "" {
		line = append(line, code(name))
	}
	return line
}

// stamp says why an item is told.
func stamp(item Item) string {
	grade := item.Alert.Severity.String()
	switch item.Kind {
	case KindRotation:
		switch item.Rotation.Status {
		case Rotated:
			return "Rotated:"
		case Undone:
			return "Rotation undone:"
		}
		return "Rotation " + item.Rotation.Status + ":"
	case KindChanged:
		if item.Was != 0 {
			return "Changed, now " + grade + " (was " + item.Was.String() + "):"
		}
		return "Changed, " + grade + ":"
	case KindReminder:
		return "Still open since " + item.Since.UTC().Format(time.DateOnly) + ", " + grade + ":"
	case KindResolved:
		return "Resolved:"
	case KindStanding:
		return "Stands, " + grade + ":"
	}
	return "New, " + grade + ":"
}

// rotation says in a sentence what became of one.
func rotation(r Rotation) string {
	var parts []string
	if r.Status == Pending {
		until := "The old token lives on; until when is not known."
		if !r.Until.IsZero() {
			until = "The old token lives until " + r.Until.UTC().Format("2006-01-02 15:04 UTC") + "."
		}
		parts = append(parts, until)
	}
	if r.Text != "" {
		parts = append(parts, r.Text)
	}
	return strings.Join(parts, " ")
}

func text(s string) slack.RichTextSectionElement { return slack.NewRichTextSectionTextElement(s, nil) }

func bold(s string) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(s, &slack.RichTextSectionTextStyle{Bold: true})
}

func code(name string) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(cut(clean(name), maxName), &slack.RichTextSectionTextStyle{Code: true})
}

// slackID is the form of the IDs of users (U, W), user groups (S) and channels (C, G).
var slackID = regexp.MustCompile(`^[UWSCG][A-Z0-9]{4,20}$`)

// mention makes the element that shows a person, a group or a channel; nil for
// anything that is not an ID.
func mention(id string) slack.RichTextSectionElement {
	if !slackID.MatchString(id) {
		return nil
	}
	switch id[0] {
	case 'U', 'W':
		return slack.NewRichTextSectionUserElement(id, nil)
	case 'S':
		return slack.NewRichTextSectionUserGroupElement(id)
	}
	return slack.NewRichTextSectionChannelElement(id, nil)
}
