//go:build race

package apikey

// raceDetector is on: allocation counts mean nothing then.
const raceDetector = true
