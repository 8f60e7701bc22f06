//go:build race

package envelope

// raceDetector is on: allocation counts mean nothing then.
const raceDetector = true
