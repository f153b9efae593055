package audit

import (
	"fmt"
	"strings"
)

// Severity grades a finding. The zero Severity is no grade.
type Severity int

// The severities, mildest first. Never grades nothing: as a threshold it is
// above everything, so that no finding reaches it.
const (
	Info Severity = iota + 1
	Low
	Medium
	High
	Critical
	Never
)

// Severities lists what a finding can be, worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Info} }

func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	case Never:
		return "never"
	}
	return "none"
}

// ParseThreshold reads what --fail-on takes: a severity, or never.
func ParseThreshold(s string) (Severity, error) {
	for grade := Info; grade <= Never; grade++ {
		if s == grade.String() {
			return grade, nil
		}
	}
	return 0, fmt.Errorf("severity %s: not one of info, low, medium, high, critical, never", Quote(s))
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name, in any case.
func (s *Severity) UnmarshalText(b []byte) (err error) {
	*s, err = ParseThreshold(strings.ToLower(string(b)))
	return err
}
