package facts

import (
	"strings"
	"sync"
	"testing"

	"tollgate/policy/token"
)

// oddBodies leave every kind of state behind in a reader.
func oddBodies() []string {
	return []string{
		good, `{"country":null}`, `{"country":"CI","country":"ML"}`, `{"customer":{"phone":""}}`, `{` + manyNames(100) + `}`,
		`{` + manyNames(100) + `,"a":{"b":[`, strings.Repeat(`{"a":`, 70), `{"\u0063ountry":"\u0043I"}`, `{}`, `[`, `"x`, `{"Country":1}`,
	}
}

// What one request leaves in a pooled reader is never seen by the next.
func TestAReaderForgets(t *testing.T) {
	used := program(t, simple)
	var want []string
	for _, body := range oddBodies() {
		want = append(want, read(t, program(t, simple), post(t, body)))
	}
	for range 20 {
		for i, body := range oddBodies() {
			if got := read(t, used, post(t, body)); got != want[i] {
				t.Fatalf("%.60s: got %q after other requests, %q alone", body, got, want[i])
			}
		}
	}
}

// A program serves many requests at once.
func TestReadIsSafeForConcurrentUse(t *testing.T) {
	p := program(t, simple)
	var group sync.WaitGroup
	for worker := range 4 {
		inputs := make([]*Input, 0, 12)
		var want []string
		for _, body := range oddBodies() {
			inputs = append(inputs, post(t, body))
			want = append(want, read(t, p, inputs[len(inputs)-1]))
		}
		group.Go(func() {
			var out token.Facts
			for i := range 500 {
				at := (i + worker) % len(inputs)
				out.Reset()
				r := p.Read(inputs[at], &out)
				got := told(&out)
				if r != token.Allowed {
					got = r.Code()
				}
				if got != want[at] {
					t.Errorf("%.60s: got %q, want %q", inputs[at].Body, got, want[at])
					return
				}
			}
		})
	}
	group.Wait()
}
