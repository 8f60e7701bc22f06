//go:build !linux

package listen

// monotonicMicros is of use to systemd alone, which is not here.
func monotonicMicros() int64 { return 0 }
