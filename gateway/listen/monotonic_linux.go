package listen

import "golang.org/x/sys/unix"

// monotonicMicros is the clock that systemd compares a reload by.
func monotonicMicros() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano() / 1000
}
