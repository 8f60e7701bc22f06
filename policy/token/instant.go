package token

import "time"

// Instant is a point in time as microseconds since the Unix epoch, UTC: the
// form times have in the database and on the hot path. Zero means "never" or
// "not set", as the field that holds it says.
type Instant int64

// At turns a time into an Instant; the zero time becomes zero.
func At(t time.Time) Instant {
	if t.IsZero() {
		return 0
	}
	return Instant(t.UnixMicro())
}

// Time is the instant in UTC; zero stays the zero time.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(i)).UTC()
}

// Add moves the instant by d, which is cut to whole microseconds.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d.Microseconds()) }

// Reached reports whether now is at or past the instant. An expiry counts as
// reached at its very microsecond; an instant of zero is never reached.
func (i Instant) Reached(now Instant) bool { return i != 0 && now >= i }
