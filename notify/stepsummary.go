package notify

import (
	"fmt"
	"os"
	"strings"
)

// maxStepSummary is what GitHub takes for one step, in bytes; a larger summary
// is refused as a whole (GitHub documentation, workflow commands).
const maxStepSummary = 1 << 20

const summaryCut = "\n\n_The rest does not fit into a step summary._\n"

// AppendStepSummary appends Markdown to the file that $GITHUB_STEP_SUMMARY names.
// It is cut at a line's end when the step's summary would grow too large.
func AppendStepSummary(path, markdown string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the step summary: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("reading the step summary's size: %w", err)
	}
	if !strings.HasSuffix(markdown, "\n") {
		markdown += "\n"
	}
	if _, err := file.WriteString(fitSummary(markdown, maxStepSummary-int(info.Size()))); err != nil {
		return fmt.Errorf("writing the step summary: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("writing the step summary: %w", err)
	}
	return nil
}

// fitSummary cuts Markdown to room bytes at the end of a line, closing a code
// fence that the cut would leave open.
func fitSummary(markdown string, room int) string {
	if len(markdown) <= room {
		return markdown
	}
	const fence = "```"
	room -= len(fence) + 1 + len(summaryCut)
	if room <= 0 {
		return ""
	}
	kept := markdown[:strings.LastIndexByte(markdown[:room], '\n')+1]
	open := false
	for line := range strings.Lines(kept) {
		if strings.HasPrefix(strings.TrimLeft(line, " "), fence) {
			open = !open
		}
	}
	if open {
		kept += fence + "\n"
	}
	return kept + summaryCut
}
