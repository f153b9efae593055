package vaulttest

import "testing"

func TestRules(t *testing.T) {
	Rules(t, func(*testing.T) Admin { return New().Admin() })
}
