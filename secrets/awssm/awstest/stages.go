package awstest

func (s *Server) updateSecretVersionStage(in request) (any, *failure) {
	x, f := s.change(in.SecretID)
	if f != nil {
		return nil, f
	}
	holder := x.at(in.VersionStage)
	from, to := x.version(in.RemoveFromVersionID), x.version(in.MoveToVersionID)
	switch {
	case in.VersionStage == "":
		return nil, refuse("InvalidParameterException", "You must provide a value for the VersionStage parameter.")
	case in.MoveToVersionID == "" && in.RemoveFromVersionID == "":
		return nil, refuse("InvalidParameterException", "You must provide MoveToVersionId or RemoveFromVersionId.")
	case in.MoveToVersionID != "" && to == nil:
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret version: %s", in.MoveToVersionID)
	case in.RemoveFromVersionID != "" && from == nil:
		return nil, refuse("InvalidParameterException", "Not a valid version: %s", in.RemoveFromVersionID)
	case from != nil && from != holder:
		return nil, refuse("InvalidParameterException", "When you move staging label %s, RemoveFromVersionId must be the version that has it.", in.VersionStage)
	case to != nil && from == nil && holder != nil && holder != to:
		return nil, refuse("InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", in.VersionStage, holder.id)
	case to == nil && in.VersionStage == current:
		return nil, refuse("InvalidParameterException", "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	}
	if to == nil {
		from.detach(in.VersionStage)
	} else {
		x.attach(in.VersionStage, to)
	}
	x.prune(s.now())
	s.changed("UpdateSecretVersionStage", x)
	return map[string]any{"ARN": x.arn, "Name": x.name}, nil
}
