package admin

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestMergePatchOfTheRFC plays the examples of RFC 7396, appendix A.
func TestMergePatchOfTheRFC(t *testing.T) {
	f := func(original, patch, want string) {
		t.Helper()
		read := func(text string) (v any) {
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
		o, p, w := read(original), read(patch), read(want)
		if diff := cmp.Diff(w, merge(o, p)); diff != "" {
			t.Errorf("%s merged with %s:\n%s", original, patch, diff)
		}
	}
	f(`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`)
	f(`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`)
	f(`{"a":"b"}`, `{"a":null}`, `{}`)
	f(`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`)
	f(`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`)
	f(`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`)
	f(`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`)
	f(`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`)
	f(`["a","b"]`, `["c","d"]`, `["c","d"]`)
	f(`{"a":"b"}`, `["c"]`, `["c"]`)
	f(`{"a":"foo"}`, `null`, `null`)
	f(`{"a":"foo"}`, `"bar"`, `"bar"`)
	f(`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`)
	f(`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`)
	f(`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`)
}

// TestMergingTwiceIsMergingOnce: a patch that was applied changes nothing when
// it is applied again, which is what lets a change be tried again.
func TestMergingTwiceIsMergingOnce(t *testing.T) {
	var value *rapid.Generator[any]
	value = rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.SampledFrom([]string{"x", "y"}).Draw(t, "text")
		case 2:
			return []any{rapid.Float64Range(0, 3).Draw(t, "number")}
		}
		object := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			object[rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")] = rapid.Deferred(func() *rapid.Generator[any] { return value }).Draw(t, "value")
		}
		return object
	})
	rapid.Check(t, func(t *rapid.T) {
		target, patch := value.Draw(t, "target"), value.Draw(t, "patch")
		once := merge(target, patch)
		var kept any
		if err := convert(once, &kept); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(kept, merge(once, patch)); diff != "" {
			t.Fatalf("merging again changed something:\n%s", diff)
		}
	})
}
