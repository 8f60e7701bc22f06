package token

import (
	"fmt"
	"time"
)

// Period is one day or one month of the calendar in UTC, for which uses are
// counted: 20261121 is a day, 202611 a month.
type Period int32

// DayOf is the day that the instant lies in.
func DayOf(at Instant) Period {
	year, month, day := at.Time().Date()
	return Period(year*10000 + int(month)*100 + day)
}

// MonthOf is the month that the instant lies in.
func MonthOf(at Instant) Period {
	year, month, _ := at.Time().Date()
	return Period(year*100 + int(month))
}

// String is the period as people write it: 2026-11-21, or 2026-11.
func (p Period) String() string {
	if p.isDay() {
		return fmt.Sprintf("%04d-%02d-%02d", p/10000, p/100%100, p%100)
	}
	return fmt.Sprintf("%04d-%02d", p/100, p%100)
}

// Ends is the first instant after the period: when its quota is whole again.
func (p Period) Ends() Instant {
	if p.isDay() {
		return At(time.Date(int(p/10000), time.Month(p/100%100), int(p%100)+1, 0, 0, 0, 0, time.UTC))
	}
	return At(time.Date(int(p/100), time.Month(p%100)+1, 1, 0, 0, 0, 0, time.UTC))
}

func (p Period) isDay() bool { return p > 999912 }

// QuotaUse is how many requests of a token one node let through in one period
// since it last said so. A request counts in its day and in its month.
type QuotaUse struct {
	Handle Handle
	Period Period
	Delta  int64 // at least 1
}
