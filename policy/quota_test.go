package policy

import (
	"strings"
	"testing"

	"tollgate/policy/token"
)

func TestParseQuota(t *testing.T) {
	f := func(text string, want Quota, canonical string) {
		t.Helper()
		q, err := ParseQuota(text)
		if err != nil || q != want || q.String() != canonical {
			t.Errorf("ParseQuota(%q) = %+v (%s), %v; want %+v", text, q, q, err, want)
		}
	}
	f("", Quota{}, "")
	f("10000/day", Quota{Day: 10000}, "10000/day")
	f("200000/month", Quota{Month: 200000}, "200000/month")
	f("10000/day 200000/month", Quota{10000, 200000}, "10000/day 200000/month")
	f("200000/month 10000/day", Quota{10000, 200000}, "10000/day 200000/month")
	f("1/day", Quota{Day: 1}, "1/day")
	f("1000000000000/month", Quota{Month: 1_000_000_000_000}, "1000000000000/month")
}

func TestBadQuotasAreRefusedWithAHint(t *testing.T) {
	for _, text := range []string{
		"100", "100/", "/day", "100/days", "100/d", "100/hour", " 100/day", "100/day ", "100/day  5/month", "100/day,5/month", "100/Day",
		"0/day", "-1/day", "+1/day", "1.5/day", "01/day", "1e3/day", "1000000000001/day", "99999999999999999999/day", "1/day 2/day", "1/month 2/month", "1/day 1/month 1/day", "١/day",
	} {
		q, err := ParseQuota(text)
		if err == nil || q != (Quota{}) {
			t.Errorf("ParseQuota(%q) = %+v, %v; it should be refused", text, q, err)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, "10000/day") && !strings.Contains(msg, "from 1 to") && !strings.Contains(msg, "give one") {
			t.Errorf("ParseQuota(%q): %v; it does not say what would do", text, err)
		}
	}
}

func TestRulesCarryTheQuota(t *testing.T) {
	if got := compiled(t, token.Bounds{Quota: "7/month 3/day"}).Quota(); got != (Quota{Day: 3, Month: 7}) {
		t.Errorf("got %+v", got)
	}
	if got := compiled(t, token.Bounds{}).Quota(); got != (Quota{}) {
		t.Errorf("got %+v", got)
	}
	if _, err := Compile(testCatalogue(t), token.Bounds{Quota: "x"}, nil, nil); err == nil {
		t.Error("an unreadable quota was compiled")
	}
}

// A day that is given more than its month is kept, and warned of.
func TestNormaliseQuota(t *testing.T) {
	f := func(text, want string, warned, refused int) {
		t.Helper()
		b := token.Bounds{Quota: text}
		warnings, wrong := Normalise(testCatalogue(t), &b)
		if len(warnings) != warned || len(wrong) != refused || refused == 0 && b.Quota != want {
			t.Errorf("%q became %q, %v, %v", text, b.Quota, warnings, wrong)
		}
		for _, w := range wrong {
			if w.Field != "quota" {
				t.Errorf("the field is called %q", w.Field)
			}
		}
	}
	f("7/month 3/day", "3/day 7/month", 0, 0)
	f("7/day 3/month", "7/day 3/month", 1, 0)
	f("7/day", "7/day", 0, 0)
	f("", "", 0, 0)
	f("7/week", "", 0, 1)
}

// FuzzParseQuota: what is read is within bounds and reads back as itself.
func FuzzParseQuota(f *testing.F) {
	for _, seed := range []string{"", "10000/day", "200000/month", "10000/day 200000/month", "2/month 1/day", "0/day", "1/day 1/day", "1000000000001/day"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuota(text)
		if err != nil {
			if q != (Quota{}) {
				t.Fatalf("%q is refused and is %+v", text, q)
			}
			return
		}
		if q.Day < 0 || q.Day > maxQuota || q.Month < 0 || q.Month > maxQuota || (q == Quota{}) != (text == "") {
			t.Fatalf("%q is %+v", text, q)
		}
		if again, err := ParseQuota(q.String()); err != nil || again != q || len(q.String()) != len(text) {
			t.Fatalf("%q is %+v, which writes %q and reads %+v, %v", text, q, q, again, err)
		}
	})
}
