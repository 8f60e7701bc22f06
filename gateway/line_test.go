package gateway

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/configs"
	"tollgate/policy"
	"tollgate/policy/token"
)

var shippedCatalogue = sync.OnceValues(configs.ShippedCatalogue)

// loggedPassage is a finished passage with every field that the log shows.
func loggedPassage(t testing.TB) *passage {
	t.Helper()
	c, err := shippedCatalogue()
	fatal(t, err)
	p := &passage{gateway: &Gateway{options: Options{Catalogue: func() *policy.Catalogue { return c }}}, now: epoch, route: &route{label: "api.example.com/v1/{id}"}, leaf: &leaf{pattern: "/v1/{id}"}, method: methodPost,
		dialect: namedDialect{}, source: token.Source{Addr: netip.MustParseAddr("192.0.2.7")}}
	p.presented.Dialect = "payment"
	p.principal = &token.Principal{Live: &token.Live{Handle: "tok_000000000001", Merchant: "mer_1", Environment: token.EnvLive}}
	copy(p.requestID[:], "0123456789abcdef0123456789abcdef")
	p.record = record{status: 200, upstream: "payments", target: "127.0.0.1:9000", attempts: 1, upstreamTook: 12345 * time.Microsecond, bytesIn: 700, bytesOut: 90}
	p.facts.Countries = []token.Fact{{Value: []byte("CI")}}
	p.facts.Operators = []token.Fact{{Value: []byte("ORANGE_MONEY_CI")}}
	p.facts.Methods = []token.Fact{{Value: []byte("collect")}}
	p.facts.Phones = []token.Fact{{Value: []byte("+2250707070707")}}
	return p
}

type namedDialect struct{ Dialect }

func (namedDialect) Name() string { return "payment" }

const wantLine = `{"ts":"2026-11-21T00:00:00.000000Z","msg":"request","request_id":"0123456789abcdef0123456789abcdef",` +
	`"route":"api.example.com/v1/{id}","dialect":"payment","token":"tok_000000000001","merchant":"mer_1","env":"live","client_ip":"192.0.2.7",` +
	`"method":"POST","path":"/v1/{id}","outcome":"allowed","reason":"allowed","status":200,"upstream":"payments","target":"127.0.0.1:9000",` +
	`"attempts":1,"upstream_ms":12.345,"gateway_us":155,"bytes_in":700,"bytes_out":90,` +
	`"country":"CI","operator":"ORANGE","payment_method":"collect","phone":"+***********07"}` + "\n"

// The line is what scripts and dashboards were promised, to the byte.
func TestAccessLineIsAsPublished(t *testing.T) {
	p := loggedPassage(t)
	if line := p.appendLine(nil, 12500*time.Microsecond); string(line) != wantLine {
		t.Errorf("got  %s\nwant %s", line, wantLine)
	}
}

func TestAccessLineAllocatesNothing(t *testing.T) {
	p := loggedPassage(t)
	line := p.appendLine(nil, time.Second)
	if n := testing.AllocsPerRun(200, func() { line = p.appendLine(line[:0], time.Second) }); n != 0 && !underRace {
		t.Errorf("%v allocations", n)
	}
}

// What a client chose is never logged where it could be more than a word of the
// catalogue or of an admin: phone and card numbers, keys, passwords and control
// bytes in the wrong field are hidden.
func TestAccessLineHidesWhatNobodyVouchesFor(t *testing.T) {
	for _, sent := range []string{"+2250707070707", "4111111111111111", "tg_live_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ", "hunter2", "correcthorse",
		"a\r\nb", "\x1b[31m", "a@b.c", strings.Repeat("a", 65)} {
		p := loggedPassage(t)
		p.record.reason = token.OperatorNotAllowed
		for _, list := range []*[]token.Fact{&p.facts.Countries, &p.facts.Operators, &p.facts.Methods} {
			*list = []token.Fact{{Value: []byte(sent)}}
		}
		p.verdict.Operator = []byte(sent)
		line := string(p.appendLine(nil, 0))
		if strings.Contains(line, sent) || strings.Count(line, "(unknown)") != 3 {
			t.Errorf("%q is in %s", sent, line)
		}
	}
	// A word of the catalogue is told by its id, refused or not; a word that only
	// an admin knows where the composition held it.
	p := loggedPassage(t)
	p.record.reason = token.OperatorNotAllowed
	p.facts.Operators[0].Value = []byte("om")
	if line := string(p.appendLine(nil, 0)); !strings.Contains(line, `"operator":"ORANGE"`) {
		t.Error(line)
	}
	p = loggedPassage(t)
	p.facts.Operators[0].Value = []byte("NEWTEL")
	if line := string(p.appendLine(nil, 0)); !strings.Contains(line, `"operator":"(unknown)"`) {
		t.Error(line)
	}
	p.principal.Live.Restricts.Composition = true
	if line := string(p.appendLine(nil, 0)); !strings.Contains(line, `"operator":"NEWTEL"`) {
		t.Error(line)
	}
	for phone, want := range map[string]string{"+2250707070707": "+***********07", "0707070707": "********07", "12": "**", "tg_live_secret": "**", strings.Repeat("1", 25): "**", "12345a7": "**"} {
		if got := string(appendMasked(nil, []byte(phone))); got != want {
			t.Errorf("%q is masked as %q, want %q", phone, got, want)
		}
	}
}

// A made-up key names whom it claims to be, beside the token and not in its
// place; any other bytes name nobody.
func TestAccessLineNamesClaimsAsClaims(t *testing.T) {
	p := loggedPassage(t)
	p.principal = nil
	p.presented.Kind = token.KindKey
	p.presented.Secret = token.Compose(token.KindKey, token.EnvLive, []byte("abcdefghijkl"+strings.Repeat("x", 28)))
	line := string(p.appendLine(nil, 0))
	if !strings.Contains(line, `"token":"","claimed_token":"tok_abcdefghijkl","merchant":""`) {
		t.Error(line)
	}
	p.presented.Secret = []byte("tg_live_abcdefghijkl")
	if line := string(p.appendLine(nil, 0)); strings.Contains(line, "claimed") || strings.Contains(line, "abcdefghijkl") {
		t.Error(line)
	}
}

// A log line is one line of valid JSON whatever stands in it, and reads back as
// what was written.
func FuzzAccessLine(f *testing.F) {

	for _, seed := range []string{"ORANGE", "\"\\", "\x00\x1f\x7f", "\xff\xfe", "é\u2028\u2029", "\xed\xa0\x80", "\n{}"} {
		f.Add([]byte(seed), seed)
	}
	f.Fuzz(func(t *testing.T, word []byte, label string) {
		p := loggedPassage(t)
		p.principal.Live.Restricts.Composition = true
		p.route.label, p.leaf.pattern, p.record.target = label, label, string(word)
		p.facts.Operators = []token.Fact{{Value: word}}
		p.facts.Phones = []token.Fact{{Value: word}}
		line := p.appendLine(nil, 0)
		if n := strings.Count(string(line), "\n"); n != 1 || !utf8.Valid(line) {
			t.Fatalf("%d lines: %q", n, line)
		}
		var read map[string]any
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if want := strings.ToValidUTF8(label, "\uFFFD"); utf8.ValidString(label) && read["route"] != want {
			t.Fatalf("%q reads back as %q", label, read["route"])
		}
	})
}

func BenchmarkAccessLine(b *testing.B) {
	p := loggedPassage(b)
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = p.appendLine(line[:0], time.Millisecond)
	}
}

// stuckSink takes nothing until it is let go.
type stuckSink struct {
	let   chan struct{}
	mutex sync.Mutex
	got   []byte
	fails bool
}

func (s *stuckSink) Write(b []byte) (int, error) {
	<-s.let
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.got = append(s.got, b...)
	if s.fails {
		return 0, errors.New("broken pipe")
	}
	return len(b), nil
}

func valueOf(t testing.TB, c prometheus.Collector) (sum float64) {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// A sink that does not take its lines costs no request any time and no more
// than its share of memory; what is dropped is counted, and what was kept comes
// out whole and in order once the sink lives again.
func TestStuckLogNeverBlocks(t *testing.T) {
	sink := &stuckSink{let: make(chan struct{})}
	dropped := counter("dropped", "")
	l := newLineLog(sink, dropped)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	const lines = 3 * maxLogged / 1024
	for range lines {
		l.write(line) // would never return if it waited
	}
	close(sink.let)
	l.close()
	<-l.done
	kept := len(sink.got) / len(line)
	if kept+int(valueOf(t, dropped)) != lines || kept < maxLogged/1024 || kept > 2*maxLogged/1024 {
		t.Errorf("%d kept, %v dropped of %d", kept, valueOf(t, dropped), lines)
	}
	if strings.ReplaceAll(string(sink.got), string(line), "") != "" {
		t.Error("lines came out torn")
	}
	l.write(line)
	if int(valueOf(t, dropped)) != lines-kept+1 {
		t.Error("a line after the end is not counted as dropped")
	}
}

// A sink that fails is counted too.
func TestFailingLogIsCounted(t *testing.T) {
	sink := &stuckSink{let: make(chan struct{}), fails: true}
	close(sink.let)
	dropped := counter("dropped", "")
	l := newLineLog(sink, dropped)
	l.write([]byte("x\n"))
	l.close()
	<-l.done
	if valueOf(t, dropped) == 0 {
		t.Error("nothing was counted")
	}
}

// writeSizes counts the lines of each write.
type writeSizes struct{ lines []int }

func (w *writeSizes) Write(b []byte) (int, error) {
	w.lines = append(w.lines, strings.Count(string(b), "\n"))
	return len(b), nil
}

// Under load lines share a write, because one for each costs a tenth of what a
// request costs; a single line is out after a moment all the same, and much is
// written at once.
func TestLinesOfAMomentShareAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink writeSizes
		l := newLineLog(&sink, counter("dropped", ""))
		for range 10 {
			l.write([]byte("x\n"))
		}
		time.Sleep(gatherLines)
		synctest.Wait()
		l.write([]byte("y\n"))
		time.Sleep(gatherLines)
		synctest.Wait()
		if !slices.Equal(sink.lines, []int{10, 1}) {
			t.Errorf("the writes held %v lines, want 10 and 1", sink.lines)
		}
		l.write([]byte(strings.Repeat("z", gatherBytes) + "\n"))
		synctest.Wait() // no time passes
		if len(sink.lines) != 3 {
			t.Error("a full load waits for more")
		}
		l.close()
		<-l.done
	})
}
