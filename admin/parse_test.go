package admin

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	f := func(text string, want time.Duration, ok bool) {
		t.Helper()
		if got, good := parseSpan(text); got != want && ok || good != ok {
			t.Errorf("%q: %v, %v", text, got, good)
		}
	}
	f("720h", 720*time.Hour, true)
	f("30d", 720*time.Hour, true)
	f("0d", 0, true)
	f("0s", 0, true)
	f("1h30m", 90*time.Minute, true)
	f("-1h", -time.Hour, true) // its callers hold it to their bounds
	for _, bad := range []string{"", "d", "1.5d", "-1d", "+1d ", "30", "1w", "99999999999d", "9999999999h", "1d1h", "h"} {
		f(bad, 0, false)
	}
}

func TestIfMatch(t *testing.T) {
	f := func(header string, version int64, holds bool) {
		t.Helper()
		m, err := Condition{IfMatch: header}.parse()
		if err != nil {
			t.Errorf("%s: %v", header, err)
		} else if m.holds(version) != holds {
			t.Errorf("%s on version %d: %v", header, version, !holds)
		}
	}
	f("", 3, true)
	f("*", 3, true)
	f(`"3"`, 3, true)
	f(`"2", "3"`, 3, true)
	f(`"2"`, 3, false)
	f(`W/"3"`, 3, false) // weak tags never match strongly
	f(`"x"`, 3, false)
	f(`""`, 0, false)
	f(`"03"`, 3, false)
	for _, bad := range []string{"3", `"3`, `3"`, `"3" "4"`, `"3",`, `w/"3"`, `"`} {
		if _, err := (Condition{IfMatch: bad}).parse(); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// FuzzParsers: nothing that a header or a member holds makes a reader of ours
// fail otherwise than by saying so.
func FuzzParsers(f *testing.F) {
	for _, seed := range []string{"", `"1"`, "30d", "720h", "Bearer x", "127.0.0.1:1", "[::1]", `W/"`, "tga_", "phones[1].x", `{"a":[{"b":1}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := (Condition{IfMatch: text}).parse(); err == nil && m.given && !m.star && m.any() {
			t.Errorf("If-Match %q asks for nothing", text)
		}
		if d, ok := parseSpan(text); ok && strings.HasSuffix(text, "d") && d < 0 {
			t.Errorf("%q is a negative number of days", text)
		}
		hostCheckFor("127.0.0.1:1").accepts(text)
		isJSON(text)
		clip(text)
		if secret, err := bearer(map[string][]string{"Authorization": {text}}); err == nil && len(secret) == 0 {
			t.Errorf("%q presents nothing and was read", text)
		}
		leaveOut(map[string]any{"a": []any{map[string]any{"b": "c"}}, text: text}, text)
	})
}

// TestLeaveOutTakesWhatIsNamed: and nothing else, dots in names included.
func TestLeaveOutTakesWhatIsNamed(t *testing.T) {
	f := func(place, want string) {
		t.Helper()
		value := map[string]any{
			"name": "n", "name.x": "dotted", "list": []any{"a", map[string]any{"b": "c", "d": "e"}},
			"composition": map[string]any{"CI": map[string]any{"A.B": []any{"x"}, "A": "y"}},
		}
		leaveOut(value, place)
		if got := fmt.Sprint(value); got != want {
			t.Errorf("%s:\n%s\n%s", place, got, want)
		}
	}
	const all = "map[composition:map[CI:map[A:y A.B:[x]]] list:[a map[b:c d:e]] name:n name.x:dotted]"
	f("name", strings.Replace(all, " name:n", "", 1))
	f("name.x", strings.Replace(all, " name.x:dotted", "", 1))
	f("list[0]", strings.Replace(all, "[a map", "[<nil> map", 1))
	f("list[1].b", strings.Replace(all, "b:c ", "", 1))
	f("composition.CI.A.B[0]", strings.Replace(all, "A.B:[x]", "A.B:[<nil>]", 1))
	f("list[7]", all)
	f("list[x].b", all)
	f("nothing", all)
}

// TestBudget: so many events a window for each key, given back or not, and all
// keys beyond the bound share one allowance.
func TestBudget(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBudget(2, time.Minute, func() time.Time { return now })
	take := func(key string, want bool) {
		t.Helper()
		if ok, wait := b.take(key); ok != want || !ok && (wait <= 0 || wait > time.Minute) {
			t.Errorf("take %s: %v, wait %v", key, ok, wait)
		}
	}
	take("a", true)
	take("a", true)
	take("a", false)
	take("b", true)
	b.giveBack("a")
	take("a", true)
	take("a", false)
	if over, _ := b.exhausted("a"); !over {
		t.Error("a has something left")
	}
	now = now.Add(59 * time.Second)
	take("a", false)
	now = now.Add(time.Second)
	take("a", true)
	b.giveBack("nobody")

	for i := range budgetKeys + 100 {
		b.count(fmt.Sprint(i))
	}
	if len(b.spent) > budgetKeys+1 {
		t.Errorf("%d keys are kept apart", len(b.spent))
	}
	if over, _ := b.exhausted("one more"); !over {
		t.Error("a flood of keys gives each an allowance of its own")
	}
	now = now.Add(2 * time.Minute)
	b.count("after the flood")
	if over, _ := b.exhausted("after the flood"); over || len(b.spent) > 1 {
		t.Errorf("what has ended is kept: %d keys", len(b.spent))
	}
}

// TestBudgetUnderRace: however many take at once, no more than the limit get.
func TestBudgetUnderRace(t *testing.T) {
	b := newBudget(20, time.Minute, func() time.Time { return time.Unix(1000, 0) })
	var mu sync.Mutex
	var all sync.WaitGroup
	got := 0
	for range 200 {
		all.Go(func() {
			if ok, _ := b.take("k"); ok {
				mu.Lock()
				got++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if got != 20 {
		t.Errorf("%d got one of 20", got)
	}
}
