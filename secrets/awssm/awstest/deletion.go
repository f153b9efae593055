package awstest

import "time"

func (s *Server) deleteSecret(in request) (any, *failure) {
	x, f := s.use(in.SecretID)
	if f != nil {
		return nil, f
	}
	days := 30
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	switch {
	case in.ForceDeleteWithoutRecovery && in.RecoveryWindowInDays != nil:
		return nil, refuse("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < 7 || days > 30:
		return nil, refuse("InvalidParameterException", "RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	case len(x.Replicas) > 0:
		return nil, refuse("InvalidRequestException", "You can't delete a primary secret that is replicated to other Regions.")
	}
	at := s.now().Add(time.Duration(days) * 24 * time.Hour)
	if in.ForceDeleteWithoutRecovery {
		at = s.now()
		delete(s.secrets, x.name)
	}
	x.deleted = s.now()
	s.changed("DeleteSecret", x)
	return map[string]any{"ARN": x.arn, "Name": x.name, "DeletionDate": seconds(at)}, nil
}

func (s *Server) restoreSecret(in request) (any, *failure) {
	x := s.find(in.SecretID)
	if x == nil {
		return nil, errMissing
	}
	x.deleted = time.Time{}
	s.changed("RestoreSecret", x)
	return map[string]any{"ARN": x.arn, "Name": x.name}, nil
}
