//go:build !race

package apikey

const raceDetector = false
