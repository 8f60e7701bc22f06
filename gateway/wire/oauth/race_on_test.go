//go:build race

package oauth

// raceDetector is on: allocation counts mean nothing then.
const raceDetector = true
