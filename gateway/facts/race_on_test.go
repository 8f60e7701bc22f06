//go:build race

package facts

// raceDetector is on: allocation counts mean nothing then.
const raceDetector = true
