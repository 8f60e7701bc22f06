//go:build !race

package facts

const raceDetector = false
