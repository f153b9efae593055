//go:build matrix

package rotate_test

import "testing"

// TestMatrixStores plays every cell of the starts with real stores, of which
// TestMatrix plays a choice.
func TestMatrixStores(t *testing.T) {
	withoutAWSSettings(t)
	all, skipped := enumerate(t, storeStarts())
	report(t, playAll(t, all), skipped)
}
