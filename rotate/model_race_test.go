//go:build race

package rotate_test

// raceDetector: the model makes fewer actions under it, which slows it down ten
// times and has nothing to find: everything in a world takes turns.
const raceDetector = true
