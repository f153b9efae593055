//go:build !race

package rotate_test

const raceDetector = false
