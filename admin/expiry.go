package admin

import (
	"strconv"
	"strings"
	"time"

	"tollgate/policy/token"
)

// maxLife bounds an expiry given as a duration.
const maxLife = 100 * 365 * 24 * time.Hour

// readExpiry reads expires_at or expires_in, of which one may be given.
func readExpiry(f *faults, at *string, in *string, now token.Instant) token.Instant {
	switch {
	case at != nil && in != nil:
		f.add("expires_at", "give expires_at or expires_in, not both")
		f.add("expires_in", "give expires_at or expires_in, not both")
	case at != nil:
		return readInstant(f, "expires_at", *at)
	case in != nil:
		d, ok := parseSpan(*in)
		if !ok || d <= 0 || d > maxLife {
			f.add("expires_in", "write a duration above zero and below a hundred years, such as 720h or 30d")
			return 0
		}
		return now.Add(d)
	}
	return 0
}

// readInstant reads an RFC 3339 time.
func readInstant(f *faults, field, text string) token.Instant {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1971 {
		f.add(field, "write a time as RFC 3339 has it, such as 2027-01-31T12:00:00Z")
		return 0
	}
	return token.At(t)
}

// parseSpan reads a Go duration, such as 36h or 90m, or whole days, such as 30d.
func parseSpan(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > int(maxLife/(24*time.Hour)) {
			return 0, false
		}
		return time.Duration(n) * 24 * time.Hour, true
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}
