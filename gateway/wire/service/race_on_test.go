//go:build race

package service

// raceDetector is on: allocation counts mean nothing then.
const raceDetector = true
