package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// parseDuration reads what time.ParseDuration reads, without signs and
// fractions, and whole days before it: 30d, 1d12h, 15m, 250ms. A bare 0 needs
// no unit; any other number does, for nobody can tell which one was meant.
func parseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	bad := fmt.Errorf("%s is not a duration; write a whole number and a unit, such as 250ms, 30s, 15m, 720h or 30d", quoteWord(text))
	if strings.ContainsAny(text, "+-.") {
		return 0, bad
	}
	days, rest := time.Duration(0), text
	if head, tail, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseUint(head, 10, 16)
		if err != nil {
			return 0, bad
		}
		if days, rest = time.Duration(n)*day, tail; rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d > math.MaxInt64-days {
		return 0, bad
	}
	return days + d, nil
}

// durationText is a short form that parseDuration reads as d.
func durationText(d time.Duration) string {
	if d > 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
