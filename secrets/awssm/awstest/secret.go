package awstest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The staging labels that the service itself knows.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// Properties are what others set on a secret and package awssm must leave alone
// or refuse. Names and meanings are those of DescribeSecret.
type Properties struct {
	Description     string
	KmsKeyID        string
	KeyDisabled     bool   // not of DescribeSecret: the KMS key cannot be used
	ResourcePolicy  string // not of DescribeSecret
	OwningService   string
	RotationEnabled bool
	PrimaryRegion   string   // set on a replicated secret and its replicas
	Replicas        []string // the regions of ReplicationStatus
	Type            string   // of a managed external secret
}

// secret is one secret. Its versions are in the order that they were made in.
type secret struct {
	Properties
	name, arn string
	versions  []*version
	tags      map[string]string
	created   time.Time
	deleted   time.Time // when it was scheduled for deletion; zero: it was not
}

type version struct {
	id      string
	str     *string
	binary  []byte
	stages  []string
	created time.Time
}

func (v *version) text() string {
	if v.str == nil {
		return ""
	}
	return *v.str
}

func (v *version) same(str *string, binary []byte) bool {
	if (v.str == nil) != (str == nil) {
		return false
	}
	return v.str == nil && bytes.Equal(v.binary, binary) || v.str != nil && *v.str == *str
}

// at returns the version that has the staging label; nil: none.
func (x *secret) at(stage string) *version {
	for _, v := range x.versions {
		if slices.Contains(v.stages, stage) {
			return v
		}
	}
	return nil
}

func (x *secret) version(id string) *version {
	for _, v := range x.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

// attach moves the staging label to v. AWSPREVIOUS goes where AWSCURRENT leaves.
func (x *secret) attach(stage string, v *version) {
	holder := x.at(stage)
	if holder == v {
		return
	}
	if holder != nil {
		holder.detach(stage)
		if stage == current {
			x.attach(previous, holder)
		}
	}
	v.stages = append(v.stages, stage)
}

func (v *version) detach(stage string) {
	v.stages = slices.DeleteFunc(v.stages, func(s string) bool { return s == stage })
}

// prune removes deprecated versions, those without a staging label, beyond the
// 100 newest, but none younger than a day.
func (x *secret) prune(now time.Time) {
	excess := len(x.versions) - 100
	x.versions = slices.DeleteFunc(x.versions, func(v *version) bool {
		if excess <= 0 || len(v.stages) > 0 || now.Sub(v.created) < 24*time.Hour {
			return false
		}
		excess--
		return true
	})
}

// find looks a secret up by name, ARN, or ARN without its six characters.
func (s *Server) find(id string) *secret {
	if x := s.secrets[id]; x != nil {
		return x
	}
	for _, x := range s.secrets {
		if x.arn == id || strings.HasPrefix(id, "arn:") && x.arn[:len(x.arn)-7] == id {
			return x
		}
	}
	return nil
}

// make adds a secret without a version.
func (s *Server) make(name string) *secret {
	s.last++
	x := &secret{name: name, arn: s.arn(name, s.last), tags: map[string]string{}, created: s.now()}
	if s.secrets == nil {
		s.secrets = map[string]*secret{}
	}
	s.secrets[name] = x
	return x
}

func (s *Server) arn(name string, n int) string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-%06d", s.region(), Account, name, n)
}
