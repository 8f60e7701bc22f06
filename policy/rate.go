package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how often something may happen: Count times every Per, with room for
// Burst at once. The zero Rate is none.
type Rate struct {
	Count int
	Per   time.Duration
	Burst int
}

// maxRate bounds a rate's count and burst.
const maxRate = 1_000_000

// ParseRate reads "100/s", "100/s burst 200", "30/m" or "5/h". Without a burst,
// as many as the count may come at once. The empty text is the zero Rate.
func ParseRate(s string) (Rate, error) {
	if s == "" {
		return Rate{}, nil
	}
	const hint = `write it as 100/s or 100/s burst 200 (s, m or h)`
	steady, burst, bursts := strings.Cut(s, " burst ")
	count, unit, _ := strings.Cut(steady, "/")
	r := Rate{Per: rateUnit(unit)}
	if r.Per == 0 {
		return Rate{}, fmt.Errorf("%q is no rate: %s", cut(s), hint)
	}
	var err error
	if r.Count, err = rateNumber(count); err != nil {
		return Rate{}, fmt.Errorf("%q: the count %w", s, err)
	}
	r.Burst = r.Count
	if bursts {
		if r.Burst, err = rateNumber(burst); err != nil {
			return Rate{}, fmt.Errorf("%q: the burst %w", s, err)
		}
	}
	return r, nil
}

func rateUnit(unit string) time.Duration {
	switch unit {
	case "s":
		return time.Second
	case "m":
		return time.Minute
	case "h":
		return time.Hour
	}
	return 0
}

var errRateNumber = errors.New("is not a whole number from 1 to " + strconv.Itoa(maxRate))

func rateNumber(s string) (int, error) {
	if s == "" || !allDigits(s) || s[0] == '0' || len(s) > len("1000000") {
		return 0, errRateNumber
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > maxRate {
		return 0, errRateNumber
	}
	return n, nil
}

// PerSecond is the rate's steady count in one second; 0 for the zero Rate.
func (r Rate) PerSecond() float64 {
	if r.Per == 0 {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}

// String is the canonical text, which ParseRate reads back; "" for the zero
// Rate.
func (r Rate) String() string {
	if r.Per == 0 {
		return ""
	}
	unit := "s"
	switch r.Per {
	case time.Minute:
		unit = "m"
	case time.Hour:
		unit = "h"
	}
	text := strconv.Itoa(r.Count) + "/" + unit
	if r.Burst != r.Count {
		text += " burst " + strconv.Itoa(r.Burst)
	}
	return text
}
