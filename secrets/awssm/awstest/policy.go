package awstest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// statement is one Allow of an IAM policy. The only condition that is understood
// is ForAllValues:StringLike on aws:TagKeys.
type statement struct {
	Effect    string
	Action    texts
	Resource  texts
	Condition map[string]map[string]texts
}

// texts is a string or a list of them: patterns of IAM, in which * is any text
// and ? any character.
type texts []*regexp.Regexp

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(data []byte) error {
	patterns := []string{""}
	err := json.Unmarshal(data, &patterns[0])
	if len(data) > 0 && data[0] == '[' {
		err = json.Unmarshal(data, &patterns)
	}
	for _, pattern := range patterns {
		p := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		*t = append(*t, regexp.MustCompile(`^(?:`+p+`)$`))
	}
	return err
}

func (t texts) like(s string) bool {
	return slices.ContainsFunc(t, func(pattern *regexp.Regexp) bool { return pattern.MatchString(s) })
}

// Attach makes an IAM policy (JSON) all that the caller may do.
func (s *Server) Attach(policy []byte) error {
	var document struct{ Statement []statement }
	if err := json.Unmarshal(policy, &document); err != nil {
		return fmt.Errorf("reading the IAM policy: %w", err)
	}
	for _, st := range document.Statement {
		for operator, keys := range st.Condition {
			if operator != "ForAllValues:StringLike" || len(keys) != 1 || keys["aws:TagKeys"] == nil {
				return fmt.Errorf("the condition %s is not understood here", operator)
			}
		}
		if st.Effect != "Allow" || len(st.Action) == 0 || len(st.Resource) == 0 {
			return fmt.Errorf("only Allow statements with Action and Resource are understood here")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = append([]statement{}, document.Statement...)
	return nil
}

// Deny takes the right to some actions on one secret away, as an explicit Deny
// does, whatever else allows them.
func (s *Server) Deny(name string, actions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.denied == nil {
		s.denied = map[string]bool{}
	}
	for _, action := range actions {
		s.denied[action+" "+name] = true
	}
}

// authorize decides whether the caller may. It comes before everything that the
// secret's state has to say. A secret that does not exist is taken for the ARN
// that it would get (assumption: the service documents it for CreateSecret only).
func (s *Server) authorize(action string, in request) *failure {
	name, arn := in.SecretID+in.Name, in.SecretID
	if x := s.find(name); x != nil {
		name, arn = x.name, x.arn
	} else if !strings.HasPrefix(arn, "arn:") {
		arn = s.arn(name, s.last+1)
	}
	needed := []string{action}
	keys := slices.Clone(in.TagKeys)
	for _, t := range in.Tags {
		keys = append(keys, t.Key)
	}
	if action == "CreateSecret" && len(in.Tags) > 0 {
		needed = append(needed, "TagResource")
	}
	for _, action := range needed {
		allowed := s.policy == nil || slices.ContainsFunc(s.policy, func(st statement) bool {
			tags := st.Condition["ForAllValues:StringLike"]["aws:TagKeys"]
			return st.Action.like("secretsmanager:"+action) && st.Resource.like(arn) &&
				(tags == nil || !slices.ContainsFunc(keys, func(key string) bool { return !tags.like(key) }))
		})
		if !allowed || s.denied[action+" "+name] {
			return refuse("AccessDeniedException", "User: arn:aws:iam::%s:user/test is not authorized to perform: secretsmanager:%s on resource: %s because no identity-based policy allows the secretsmanager:%s action", Account, action, name, action)
		}
	}
	return nil
}
