package token

import (
	"testing"
	"time"
)

// A period is the calendar's in UTC, whatever the zone that a clock shows, and
// ends with the first microsecond of the next one.
func TestPeriods(t *testing.T) {
	at := func(text string) Instant {
		t.Helper()
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return At(parsed)
	}
	for _, c := range []struct{ at, day, month, dayEnds, monthEnds string }{
		{"2026-11-21T23:59:59.999999Z", "2026-11-21", "2026-11", "2026-11-22T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"2026-11-22T00:00:00Z", "2026-11-22", "2026-11", "2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"2026-11-30T23:00:00-05:00", "2026-12-01", "2026-12", "2026-12-02T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"2026-12-31T12:00:00Z", "2026-12-31", "2026-12", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"2028-02-28T12:00:00Z", "2028-02-28", "2028-02", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"},
	} {
		now := at(c.at)
		day, month := DayOf(now), MonthOf(now)
		if day.String() != c.day || month.String() != c.month || day.Ends() != at(c.dayEnds) || month.Ends() != at(c.monthEnds) {
			t.Errorf("%s is in %s, which ends %s, and %s, which ends %s", c.at, day, day.Ends().Time(), month, month.Ends().Time())
		}
		if DayOf(day.Ends()) == day || DayOf(day.Ends()-1) != day || MonthOf(month.Ends()) == month || MonthOf(month.Ends()-1) != month {
			t.Errorf("%s: the periods do not end where the next begin", c.at)
		}
		if testing.AllocsPerRun(10, func() { DayOf(now).Ends(); MonthOf(now).Ends() }) != 0 {
			t.Error("asking for a period allocates")
		}
	}
}
