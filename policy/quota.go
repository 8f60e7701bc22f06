package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Quota is how many requests a token may make in one day and in one month of
// the calendar, both in UTC. 0 is none; the zero Quota asks for nothing.
type Quota struct {
	Day, Month int64
}

// maxQuota bounds what one period may be given.
const maxQuota = 1_000_000_000_000

// ParseQuota reads "10000/day", "200000/month", or both with one space between
// them, in either order. The empty text is the zero Quota.
func ParseQuota(s string) (Quota, error) {
	if s == "" {
		return Quota{}, nil
	}
	var q Quota
	for part := range strings.SplitSeq(s, " ") {
		count, unit, _ := strings.Cut(part, "/")
		into := &q.Day
		switch unit {
		case "day":
		case "month":
			into = &q.Month
		default:
			return Quota{}, fmt.Errorf("%q is no quota: write it as 10000/day, 200000/month or 10000/day 200000/month", cut(s))
		}
		if *into != 0 {
			return Quota{}, fmt.Errorf("%q gives two counts for one %s; give one", cut(s), unit)
		}
		n, err := quotaNumber(count)
		if err != nil {
			return Quota{}, fmt.Errorf("%q: the count for a %s %w", cut(s), unit, err)
		}
		*into = n
	}
	return q, nil
}

var errQuotaNumber = errors.New("is not a whole number from 1 to " + strconv.FormatInt(maxQuota, 10))

func quotaNumber(s string) (int64, error) {
	if s == "" || !allDigits(s) || s[0] == '0' || len(s) > len("1000000000000") {
		return 0, errQuotaNumber
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxQuota {
		return 0, errQuotaNumber
	}
	return n, nil
}

// String is the canonical text, the day first, which ParseQuota reads back; ""
// for the zero Quota.
func (q Quota) String() string {
	var parts []string
	if q.Day != 0 {
		parts = append(parts, strconv.FormatInt(q.Day, 10)+"/day")
	}
	if q.Month != 0 {
		parts = append(parts, strconv.FormatInt(q.Month, 10)+"/month")
	}
	return strings.Join(parts, " ")
}
