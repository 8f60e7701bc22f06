package configs

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tollgate/policy"
)

// The environment of a route follows from the form of its upstream (policies.md
// row 7): live for a single one, both where each has its own.
func TestEnvironmentFollowsTheUpstream(t *testing.T) {
	for line, want := range map[string]string{
		"upstream: a":                                    "live",
		"upstream: a, environment: any":                  "any",
		"upstream: a, environment: test":                 "test",
		"upstream: {live: a, test: b}":                   "any",
		"upstream: {live: a, test: b}, environment: any": "any",
		"upstream: {live: a}":                            "live",
		"upstream: {test: b}":                            "test",
		"upstream: {live: a, test: a}":                   "any",
	} {
		c, _ := load(t, routeText(line), nil)
		if got := c.Routes[0].Environment; got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	one, each := UpstreamChoice{Name: "a"}, UpstreamChoice{Live: "a", Test: "b"}
	if one.For("live") != "a" || one.For("test") != "a" || each.For("live") != "a" || each.For("test") != "b" || (UpstreamChoice{Live: "a"}).For("test") != "" {
		t.Error("a choice names the wrong upstream")
	}
}

// What a route says beside a preset adds to it: a word on missing facts, phones
// that are numbers, more required fields.
func TestRouteAddsToItsPreset(t *testing.T) {
	presets, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	want := presets["clapay"]
	c, _ := load(t, routeText("upstream: a, preset: clapay"), nil)
	if diff := cmp.Diff(&want, c.Routes[0].Reads); diff != "" {
		t.Errorf("the preset alone:\n%s", diff)
	}
	c, _ = load(t, routeText("upstream: a, preset: clapay, on_missing: allow, number: true, require: {json:/kind: x}"), nil)
	want.AllowMissing, want.Number = true, true
	want.Require = map[string]string{"json:/kind": "x"}
	for source, value := range presets["clapay"].Require {
		want.Require[source] = value
	}
	if diff := cmp.Diff(&want, c.Routes[0].Reads); diff != "" {
		t.Errorf("the preset with additions:\n%s", diff)
	}
	again, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(presets, again); diff != "" {
		t.Errorf("a route changed the preset:\n%s", diff)
	}
}

// Facts are handed on as they were written; none, and nothing at all, are told
// apart.
func TestFactsOfARoute(t *testing.T) {
	c, _ := load(t, routeText(`upstream: a, facts: {country: [json:/c], phone: ["path:{id}", "query:p"]}, number: true, on_missing: allow`), nil)
	want := &policy.FactsText{Country: []string{"json:/c"}, Phone: []string{"path:{id}", "query:p"}, Number: true, AllowMissing: true}
	if diff := cmp.Diff(want, c.Routes[0].Reads); diff != "" {
		t.Error(diff)
	}
	c, _ = load(t, routeText("upstream: a, facts: none"), nil)
	if r := c.Routes[0]; r.Reads != nil || !r.Facts.None {
		t.Errorf("facts: none is %+v", r.Facts)
	}
	c, _ = load(t, routeText("upstream: a"), nil)
	if r := c.Routes[0]; r.Reads != nil || r.Facts.None {
		t.Errorf("no facts are %+v", r.Facts)
	}
}

// A host is matched in lower case, a path may end in a slash, and routes that
// differ in host, shape or method stand side by side.
func TestRoutesThatDoNotCollide(t *testing.T) {
	c, _ := load(t, `
upstreams: {a: {targets: ["http://127.0.0.1:9000", "https://api.example.com", "http://[::1]:9001"], host: ""}}
routes:
  - {match: {path: /, methods: [GET]}, upstream: a, dialects: [oauth]}
  - {match: {path: "/v1/{id}", methods: [GET]}, upstream: a, dialects: [oauth]}
  - {match: {path: "/v1/{id}/", methods: [GET]}, upstream: a, dialects: [payment]}
  - {match: {path: "/v1/{name}", methods: [POST, PUT, PATCH, DELETE, OPTIONS]}, upstream: a, dialects: [payment, oauth]}
  - {match: {path: "/v1/{rest...}", methods: [GET]}, upstream: a, dialects: [oauth]}
  - {match: {path: "/{rest...}", methods: [HEAD]}, upstream: a, dialects: [oauth]}
  - {match: {path: "/v1/{id}", methods: [GET, HEAD], host: API.example.com}, upstream: a, dialects: [oauth]}
  - {match: {path: "/api/{x}", methods: [POST]}, upstream: a, dialects: [oauth]}
  - {match: {path: "/v1/a:b_c~d.e-f@g,h=i!$&'()*+", methods: [GET], host: "[2001:db8::1]"}, upstream: a, dialects: [oauth]}
`, nil)
	if got := c.Routes[6].Match.Host; got != "api.example.com" {
		t.Errorf("the host is %s", got)
	}
	if got := c.Upstreams["a"].Host; got != "target" {
		t.Errorf("an empty host is %s", got)
	}
}

func routeText(rest string) string {
	return "upstreams: {a: {targets: [http://127.0.0.1:9000]}, b: {targets: [http://127.0.0.1:9001]}}\n" +
		"routes:\n  - {match: {path: \"/a/{id}\", methods: [POST]}, dialects: [payment], " + rest + "}\n"
}
