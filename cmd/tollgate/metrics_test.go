package main

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate/policy/token"
)

// promised is every metric of the public face, its type and its labels.
var promised = []struct {
	name   string
	kind   string
	labels string
}{
	{"tollgate_requests_total", "COUNTER", "code dialect outcome reason route"},
	{"tollgate_request_seconds", "HISTOGRAM", "route"},
	{"tollgate_gateway_seconds", "HISTOGRAM", "route"},
	{"tollgate_upstream_seconds", "HISTOGRAM", "upstream"},
	{"tollgate_tokens_issued_total", "COUNTER", "dialect outcome"},
	{"tollgate_cache_events_total", "COUNTER", "event"},
	{"tollgate_store_seconds", "HISTOGRAM", "op"},
	{"tollgate_store_up", "GAUGE", ""},
	{"tollgate_staleness_seconds", "GAUGE", ""},
	{"tollgate_revocation_seconds", "HISTOGRAM", ""},
	{"tollgate_changes_applied_sequence", "GAUGE", ""},
	{"tollgate_auth_throttled_total", "COUNTER", ""},
	{"tollgate_upstream_healthy", "GAUGE", "target upstream"},
	{"tollgate_config_reloads_total", "COUNTER", "outcome"},
	{"tollgate_config_last_reload_success", "GAUGE", ""},
	{"tollgate_build_info", "GAUGE", "commit go version"},
}

// Every metric that dashboards may count on is on /metrics, of its type and with
// its labels; the gateway's own time has buckets from ten microseconds.
func TestPromisedMetricsAreThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(siteConfig, "targets: [ORIGIN]", "targets: [ORIGIN], health: {path: /health, interval: 100ms}", 1))
	m := s.token(composed)
	s.wantStatus(pay(m.Credentials.Key, good), 200)
	s.jwt(m)
	s.eventually("the health check", func() bool {
		return s.metric("tollgate_upstream_healthy", `upstream="origin"`, s.origin.listener.Addr().String()) == 1
	})
	families := s.gather()
	for _, p := range promised {
		family := families[p.name]
		if len(family.series) == 0 {
			t.Errorf("there is no %s", p.name)
			continue
		}
		if family.kind != p.kind {
			t.Errorf("%s is a %s, want a %s", p.name, family.kind, p.kind)
		}
		for _, labels := range family.series {
			if got := strings.Join(slices.Sorted(maps.Keys(labels)), " "); got != p.labels {
				t.Errorf("%s has the labels %s, want %s", p.name, got, p.labels)
			}
		}
	}
	if first := families["tollgate_gateway_seconds"].firstBucket; first != 10e-6 {
		t.Errorf("the first bucket of tollgate_gateway_seconds is %v, want 10 µs", first)
	}
	status, text := s.try("GET", "/metrics", "")
	if status != http.StatusOK {
		t.Fatalf("/metrics is answered %d", status)
	}
	for _, p := range promised {
		if !strings.Contains(text, "# TYPE "+p.name+" ") {
			t.Errorf("/metrics lacks %s", p.name)
		}
	}
}

// family is one of our metrics as it was gathered.
type family struct {
	kind        string
	series      []map[string]string // labels
	firstBucket float64             // of a histogram, in seconds
}

func (s *site) gather() map[string]family {
	s.t.Helper()
	gathered, err := s.house.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	families := map[string]family{}
	for _, g := range gathered {
		if !strings.HasPrefix(g.GetName(), "tollgate_") {
			continue
		}
		f := family{kind: g.GetType().String()}
		for _, m := range g.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			f.series = append(f.series, labels)
			if buckets := m.GetHistogram().GetBucket(); len(buckets) > 0 {
				f.firstBucket = buckets[0].GetUpperBound()
			}
		}
		families[g.GetName()] = f
	}
	return families
}

// No label ever takes what a client chose: whatever is sent, every value is one
// of those that the configuration or the code names, and a second flood of other
// values adds no series.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig+"auth_throttle: {failures: 1000000}\n")
	key := s.token(composed).Credentials.Key
	flood := func(round int) {
		for i := range 60 {
			w := fmt.Sprintf("w%dx%d", round, i)
			for _, raw := range []string{
				get(key, "/"+w), get(key, "/v1/payments/"+w), get(key, "/v1/payments/1?"+w+"="+w), get(composeKey(fmt.Sprintf("%040d", round*1000+i)), "/v1/payments/1"),
				pay(key, strings.Replace(good, "CI", w, 1)), pay(key, strings.Replace(good, "ORANGE", w, 1)), pay(key, good, "X-"+w+": "+w),
				strings.Replace(get(key, "/v1/payments/1"), "GET", strings.ToUpper(w), 1), strings.Replace(get(key, "/v1/payments/1"), "Host: gw", "Host: "+w, 1),
				tokenRequest(fmt.Sprintf("%032x", round*1000+i), w), "POST /api/token HTTP/1.1\r\nHost: x\r\n" + w + ": " + w + "\r\n\r\n",
			} {
				s.send(raw)
			}
			s.try("GET", "/"+w, "")
			s.try("GET", "/admin/v1/tokens/"+w+"?"+w+"="+w, "")
		}
	}
	flood(0)
	before := s.series()
	flood(1)
	if after := s.series(); !maps.Equal(before, after) {
		for name := range after {
			if after[name] != before[name] {
				t.Errorf("%s had %d series and has %d after more of the same", name, before[name], after[name])
			}
		}
	}
	var reasons []string
	for r := token.Reason(0); r.Code() != "" && r < 200; r++ {
		reasons = append(reasons, regexp.QuoteMeta(r.Code()))
	}
	allowed := map[string]*regexp.Regexp{
		"route":    regexp.MustCompile(`^(` + strings.Join(s.paths(), "|") + `)$`),
		"dialect":  regexp.MustCompile(`^(|payment|oauth|basic|signature|service|apikey|envelope)$`),
		"outcome":  regexp.MustCompile(`^(allowed|denied|would_deny|undecided|upstream_error|client_error|applied|refused)$`),
		"reason":   regexp.MustCompile(`^(` + strings.Join(reasons, "|") + `)$`),
		"code":     regexp.MustCompile(`^(\d{3}|0)$`),
		"upstream": regexp.MustCompile(`^origin$`),
		"target":   regexp.MustCompile(`^127\.0\.0\.1:\d+$`), // the configuration's
		"op":       regexp.MustCompile(`^[a-z_]{1,32}$`),
		"event":    regexp.MustCompile(`^[a-z_]{1,32}$`),
	}
	for name, f := range s.gather() {
		if name == "tollgate_build_info" {
			continue
		}
		for _, labels := range f.series {
			for label, value := range labels {
				known := allowed[label]
				if label == "reason" && name == "tollgate_connections_refused_total" {
					known = regexp.MustCompile(`^(max_conns|max_conns_per_ip|accept_error)$`)
				}
				if known == nil || !known.MatchString(value) {
					t.Errorf("%s{%s=%q}", name, label, value)
				}
			}
		}
	}
}

// paths are the patterns that a site has, quoted for a regular expression: its
// routes', tollgate's own, and none.
func (s *site) paths() []string {
	cfg := s.house.config.Load()
	list := []string{"", "/-/healthz", "/-/readyz"}
	for _, r := range cfg.Routes {
		list = append(list, regexp.QuoteMeta(r.Match.Path))
	}
	for _, field := range reflect.ValueOf(cfg.Endpoints).Fields() {
		list = append(list, regexp.QuoteMeta(field.String()))
	}
	return list
}

// series is how many series each of our metrics has.
func (s *site) series() map[string]int {
	s.t.Helper()
	count := map[string]int{}
	for name, f := range s.gather() {
		count[name] = len(f.series)
	}
	delete(count, "tollgate_store_seconds") // its operations are ours, and some run by the clock
	if len(count) < len(promised)-3 {
		s.t.Fatalf("only %v", count)
	}
	return count
}
