package awstest

import (
	"slices"
	"strconv"
	"time"
)

func (s *Server) getSecretValue(in request) (any, *failure) {
	x, f := s.use(in.SecretID)
	if f != nil {
		return nil, f
	}
	stage := in.VersionStage
	if in.VersionID == "" && stage == "" {
		stage = current
	}
	v := x.version(in.VersionID)
	if in.VersionID == "" {
		v = x.at(stage)
	}
	switch {
	case v == nil && in.VersionID != "":
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", in.VersionID)
	case v == nil:
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", stage)
	case stage != "" && !slices.Contains(v.stages, stage):
		return nil, refuse("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
	case x.KeyDisabled:
		return nil, refuse("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	}
	out := named(x, v)
	out["CreatedDate"] = seconds(v.created)
	if v.str != nil {
		out["SecretString"] = *v.str
	} else {
		out["SecretBinary"] = v.binary
	}
	return out, nil
}

func (s *Server) describeSecret(in request) (any, *failure) {
	x := s.find(in.SecretID)
	if x == nil {
		return nil, errMissing
	}
	out := map[string]any{"ARN": x.arn, "Name": x.name, "CreatedDate": seconds(x.created)}
	stages := map[string][]string{}
	for _, v := range x.versions {
		if len(v.stages) > 0 {
			stages[v.id] = slices.Clone(v.stages) // it is written to the answer without the lock
		}
	}
	if len(stages) > 0 {
		out["VersionIdsToStages"] = stages
	}
	if tags := x.list(); len(tags) > 0 {
		out["Tags"] = tags
	}
	if !x.deleted.IsZero() {
		out["DeletedDate"] = seconds(x.deleted)
	}
	for member, text := range map[string]string{"Description": x.Description, "KmsKeyId": x.KmsKeyID, "OwningService": x.OwningService, "PrimaryRegion": x.PrimaryRegion, "Type": x.Type} {
		if text != "" {
			out[member] = text
		}
	}
	if x.RotationEnabled {
		out["RotationEnabled"] = true
	}
	var replicas []map[string]string
	for _, region := range x.Replicas {
		replicas = append(replicas, map[string]string{"Region": region, "Status": "InSync"})
	}
	if replicas != nil {
		out["ReplicationStatus"] = replicas
	}
	return out, nil
}

func (s *Server) listSecretVersionIDs(in request) (any, *failure) {
	x, f := s.use(in.SecretID)
	if f != nil {
		return nil, f
	}
	var all []map[string]any
	for _, v := range x.versions {
		if len(v.stages) == 0 && !in.IncludeDeprecated {
			continue
		}
		entry := map[string]any{"VersionId": v.id, "CreatedDate": seconds(v.created)}
		if len(v.stages) > 0 {
			entry["VersionStages"] = slices.Clone(v.stages)
		}
		all = append(all, entry)
	}
	size, from := 100, 0
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if size < 1 || size > 100 {
		return nil, refuse("InvalidParameterException", "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must have value between 1 and 100")
	}
	if in.NextToken != "" {
		n, err := strconv.Atoi(in.NextToken)
		if err != nil || n < 0 || n > len(all) {
			return nil, refuse("InvalidNextTokenException", "The NextToken value is invalid.")
		}
		from = n
	}
	out := named(x, nil)
	to := min(from+size, len(all))
	if to < len(all) {
		out["NextToken"] = strconv.Itoa(to)
	}
	out["Versions"] = append([]map[string]any{}, all[from:to]...)
	return out, nil
}

// named is what most answers consist of.
func named(x *secret, v *version) map[string]any {
	out := map[string]any{"ARN": x.arn, "Name": x.name}
	if v != nil {
		out["VersionId"], out["VersionStages"] = v.id, slices.Clone(v.stages)
	}
	return out
}

// seconds is how the protocol writes a time.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
