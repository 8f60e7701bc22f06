package policy

import (
	"strings"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	f := func(text string, want Rate, canonical string) {
		t.Helper()
		r, err := ParseRate(text)
		if err != nil || r != want || r.String() != canonical {
			t.Errorf("ParseRate(%q) = %+v (%s), %v; want %+v", text, r, r, err, want)
		}
	}
	f("", Rate{}, "")
	f("100/s", Rate{100, time.Second, 100}, "100/s")
	f("100/s burst 200", Rate{100, time.Second, 200}, "100/s burst 200")
	f("100/s burst 100", Rate{100, time.Second, 100}, "100/s")
	f("30/m", Rate{30, time.Minute, 30}, "30/m")
	f("5/h burst 1", Rate{5, time.Hour, 1}, "5/h burst 1")
	f("1000000/s", Rate{1_000_000, time.Second, 1_000_000}, "1000000/s")
}

func TestBadRatesAreRefusedWithAHint(t *testing.T) {
	for _, text := range []string{
		"100", "100/", "/s", "100/d", "100/second", "100 /s", " 100/s", "100/s ", "100/s burst", "100/s burst 200 x", "100/s  burst 200", "100/s BURST 200",
		"0/s", "-1/s", "+1/s", "1.5/s", "01/s", "1000001/s", "99999999999999999999/s", "100/s burst 0", "100/s burst -5", "100/s/s", "ten/s", "١/s",
	} {
		r, err := ParseRate(text)
		if err == nil || r != (Rate{}) {
			t.Errorf("ParseRate(%q) = %+v, %v; it should be refused", text, r, err)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, "100/s") && !strings.Contains(msg, "from 1 to") {
			t.Errorf("ParseRate(%q): %v; it does not say what would do", text, err)
		}
	}
}

func TestRatePerSecond(t *testing.T) {
	f := func(r Rate, want float64) {
		t.Helper()
		if got := r.PerSecond(); got != want {
			t.Errorf("%v is %v a second, want %v", r, got, want)
		}
	}
	f(Rate{}, 0)
	f(Rate{100, time.Second, 200}, 100)
	f(Rate{30, time.Minute, 30}, 0.5)
}

// FuzzParseRate: what is read is within bounds and reads back as itself.
func FuzzParseRate(f *testing.F) {
	for _, seed := range []string{"", "100/s", "100/s burst 200", "5/h", "1/m burst 1", "0/s", "100/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil || r == (Rate{}) {
			return
		}
		if r.Count < 1 || r.Count > maxRate || r.Burst < 1 || r.Burst > maxRate || r.PerSecond() <= 0 {
			t.Fatalf("%q is %+v", text, r)
		}
		if again, err := ParseRate(r.String()); err != nil || again != r {
			t.Fatalf("%q is %+v, which writes %q and reads %+v, %v", text, r, r, again, err)
		}
	})
}
