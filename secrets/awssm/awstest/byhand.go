package awstest

import (
	"fmt"
	"maps"
	"slices"
)

// What follows is for tests, and for the humans with the console that tests
// play: it needs no permission and meets no fault.

const byHand = "by hand"

// Set makes text the current value, as the console does: a new version, to which
// AWSCURRENT moves. A missing secret is created.
func (s *Server) Set(name, text string) { s.put(name, &version{str: &text}) }

// SetBinary does the same for a binary value.
func (s *Server) SetBinary(name string, data []byte) { s.put(name, &version{binary: data}) }

func (s *Server) put(name string, v *version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.secrets[name]
	if x == nil {
		x = s.make(name)
	}
	s.last++
	v.id, v.created = fmt.Sprintf("by-hand-%024d", s.last), s.now()
	x.versions = append(x.versions, v)
	x.attach(current, v)
	s.changed(byHand, x)
}

// Create makes a secret without a value; it does nothing if there is one.
func (s *Server) Create(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secrets[name] == nil {
		s.changed(byHand, s.make(name))
	}
}

// Rollback moves AWSCURRENT to where AWSPREVIOUS is, which is how a value is
// brought back by hand. It panics if there is no such version: the test is wrong.
func (s *Server) Rollback(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.must(name)
	x.attach(current, x.at(previous))
	s.changed(byHand, x)
}

// Delete removes the secret at once and for good.
func (s *Server) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.must(name)
	delete(s.secrets, name)
	s.changed(byHand, x)
}

// Schedule schedules the secret for deletion.
func (s *Server) Schedule(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.must(name)
	x.deleted = s.now()
	s.changed(byHand, x)
}

// Alter changes the properties of a secret.
func (s *Server) Alter(name string, change func(*Properties)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.must(name).Properties)
}

// Properties returns them.
func (s *Server) Properties(name string) Properties {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.must(name).Properties
}

// Has reports whether there is such a secret, with or without a value.
func (s *Server) Has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secrets[name] != nil
}

// Value returns the text at a staging label; empty: there is none.
func (s *Server) Value(name, stage string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.secrets[name]; x != nil && x.at(stage) != nil {
		return x.at(stage).text()
	}
	return ""
}

// Stages returns the staging labels of every version that has some, sorted, by
// version id.
func (s *Server) Stages(name string) map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	stages := map[string][]string{}
	if x := s.secrets[name]; x != nil {
		for _, v := range x.versions {
			if len(v.stages) > 0 {
				stages[v.id] = slices.Sorted(slices.Values(v.stages))
			}
		}
	}
	return stages
}

// Versions says how many versions there are, the deprecated ones included.
func (s *Server) Versions(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.must(name).versions)
}

// ARN returns the secret's ARN.
func (s *Server) ARN(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.must(name).arn
}

// SetTag attaches a tag, of the reserved kind too.
func (s *Server) SetTag(name, key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.must(name)
	x.tags[key] = value
	s.changed(byHand, x)
}

// Tags returns the tags of a secret.
func (s *Server) Tags(name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.must(name).tags)
}

func (s *Server) must(name string) *secret {
	x := s.secrets[name]
	if x == nil {
		panic("awstest: there is no secret " + name)
	}
	return x
}
