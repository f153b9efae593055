package awstest

import (
	"regexp"
	"slices"
)

// request has the members of all requests.
type request struct {
	SecretID                   string `json:"SecretId"`
	Name                       string
	Description                string
	KmsKeyID                   string `json:"KmsKeyId"`
	ClientRequestToken         string
	SecretString               *string
	SecretBinary               []byte
	VersionID                  string `json:"VersionId"`
	VersionStage               string
	VersionStages              []string
	MoveToVersionID            string `json:"MoveToVersionId"`
	RemoveFromVersionID        string `json:"RemoveFromVersionId"`
	Tags                       []tag
	TagKeys                    []string
	RecoveryWindowInDays       *int
	ForceDeleteWithoutRecovery bool
	IncludeDeprecated          bool
	MaxResults                 *int
	NextToken                  string
}

// actions are what the service can do. The lock is held.
var actions = map[string]func(*Server, request) (any, *failure){
	"CreateSecret":             (*Server).createSecret,
	"PutSecretValue":           (*Server).putSecretValue,
	"GetSecretValue":           (*Server).getSecretValue,
	"DescribeSecret":           (*Server).describeSecret,
	"ListSecretVersionIds":     (*Server).listSecretVersionIDs,
	"UpdateSecretVersionStage": (*Server).updateSecretVersionStage,
	"TagResource":              (*Server).tagResource,
	"UntagResource":            (*Server).untagResource,
	"DeleteSecret":             (*Server).deleteSecret,
	"RestoreSecret":            (*Server).restoreSecret,
}

var (
	secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)
	errMissing = refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
)

// use finds the secret of a request that a deletion in waiting forbids.
func (s *Server) use(id string) (*secret, *failure) {
	x := s.find(id)
	switch {
	case x == nil:
		return nil, errMissing
	case !x.deleted.IsZero():
		return nil, refuse("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	return x, nil
}

// change is use for what changes the value: it needs the primary secret, and the
// service that owns it.
func (s *Server) change(id string) (*secret, *failure) {
	x, f := s.use(id)
	switch {
	case f != nil:
		return nil, f
	case x.PrimaryRegion != "" && x.PrimaryRegion != s.region():
		return nil, refuse("InvalidRequestException", "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	case x.OwningService != "":
		return nil, refuse("InvalidRequestException", "The secret is managed by another service.")
	}
	return x, nil
}

func (s *Server) createSecret(in request) (any, *failure) {
	if !secretName.MatchString(in.Name) {
		return nil, refuse("InvalidParameterException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	if x := s.secrets[in.Name]; x != nil {
		if !x.deleted.IsZero() {
			return nil, refuse("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
		}
		if v := x.version(in.ClientRequestToken); v != nil && v.same(in.SecretString, in.SecretBinary) {
			return named(x, v), nil
		}
		return nil, refuse("ResourceExistsException", "The operation failed because the secret %s already exists.", in.Name)
	}
	if f := checkTags(nil, in.Tags); f != nil {
		return nil, f
	}
	x := &secret{Properties: Properties{Description: in.Description, KmsKeyID: in.KmsKeyID}}
	var v *version
	if in.SecretString != nil || in.SecretBinary != nil {
		if f := s.checkValue(x, in); f != nil {
			return nil, f
		}
		v = &version{id: in.ClientRequestToken, str: in.SecretString, binary: in.SecretBinary, stages: []string{current}, created: s.now()}
	}
	made := s.make(in.Name)
	made.Properties = x.Properties
	if v != nil {
		made.versions = []*version{v}
	}
	made.tag(in.Tags)
	s.changed("CreateSecret", made)
	return named(made, v), nil
}

func (s *Server) putSecretValue(in request) (any, *failure) {
	x, f := s.change(in.SecretID)
	if f != nil {
		return nil, f
	}
	if f := s.checkValue(x, in); f != nil {
		return nil, f
	}
	if v := x.version(in.ClientRequestToken); v != nil {
		if v.same(in.SecretString, in.SecretBinary) {
			return named(x, v), nil
		}
		return nil, refuse("ResourceExistsException", "You can't modify the value of an existing version. Only new versions can be created.")
	}
	stages := slices.Clone(in.VersionStages)
	if stages == nil {
		stages = []string{current}
	}
	if len(x.versions) == 0 && !slices.Contains(stages, current) {
		stages = append(stages, current)
	}
	labels := 0
	for _, other := range x.versions {
		labels += len(slices.DeleteFunc(slices.Clone(other.stages), func(s string) bool { return slices.Contains(stages, s) }))
	}
	if labels+len(stages) > 20 || s.MaxVersions > 0 && len(x.versions) >= s.MaxVersions {
		return nil, refuse("LimitExceededException", "The request failed because it would exceed one of the Secrets Manager quotas.")
	}
	v := &version{id: in.ClientRequestToken, str: in.SecretString, binary: in.SecretBinary, created: s.now()}
	x.versions = append(x.versions, v)
	for _, stage := range stages {
		x.attach(stage, v)
	}
	x.prune(s.now())
	s.changed("PutSecretValue", x)
	return named(x, v), nil
}

// checkValue checks what CreateSecret and PutSecretValue say of a new version.
func (s *Server) checkValue(x *secret, in request) *failure {
	size := len(in.SecretBinary)
	if in.SecretString != nil {
		size = len(*in.SecretString)
	}
	switch {
	case (in.SecretString == nil) == (in.SecretBinary == nil):
		return refuse("InvalidParameterException", "You must provide either SecretString or SecretBinary.")
	case len(in.ClientRequestToken) < 32 || len(in.ClientRequestToken) > 64:
		return refuse("InvalidParameterException", "ClientRequestToken must be 32-64 characters long.")
	case size < 1 || size > 65536:
		return refuse("InvalidParameterException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length between 1 and 65536")
	case len(in.VersionStages) > 20:
		return refuse("InvalidParameterException", "1 validation error detected: Value at 'versionStages' failed to satisfy constraint: Member must have length less than or equal to 20")
	case x.KeyDisabled:
		return refuse("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS key.")
	}
	return nil
}
