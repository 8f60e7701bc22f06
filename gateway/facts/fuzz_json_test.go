package facts

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"tollgate/policy"
	"tollgate/policy/token"
)

// fuzzed looks into every shape of place: a member, a nested one, array
// elements, members of array elements, a phone that may be a number.
var fuzzed = policy.FactsText{
	Country:  []string{"json:/country", "json:/list/*/country"},
	Operator: []string{"json:/operators/*"},
	Method:   []string{"json:/a/b/method"},
	Phone:    []string{"json:/customer/phone", "json:/list/*/phone"},
	Number:   true,
}

// reference is a second reader of the same rules, in another way: jsontext
// judges the text, encoding/json decodes it into a tree, and the rules about
// payment fields are applied to the tree.
type reference struct {
	values map[string][]string // by pointer, in order
	hollow [token.FactKinds]bool
}

// place is what the reference looks for at one place of the tree.
type place struct {
	members map[string]*place
	each    *place
	pointer string // of a leaf
	kind    token.FactKind
	number  bool
}

func fuzzedPlaces() *place {
	leaf := func(k token.FactKind, pointer string) *place {
		return &place{pointer: pointer, kind: k, number: k == token.FactPhone}
	}
	return &place{members: map[string]*place{
		"country":   leaf(token.FactCountry, "/country"),
		"operators": {each: leaf(token.FactOperator, "/operators/*")},
		"a":         {members: map[string]*place{"b": {members: map[string]*place{"method": leaf(token.FactMethod, "/a/b/method")}}}},
		"customer":  {members: map[string]*place{"phone": leaf(token.FactPhone, "/customer/phone")}},
		"list": {each: &place{members: map[string]*place{
			"country": leaf(token.FactCountry, "/list/*/country"),
			"phone":   leaf(token.FactPhone, "/list/*/phone"),
		}}},
	}}
}

// judge says whether the text is accepted, and what is found in it.
func judge(text []byte) (reference, bool) {
	if !wellFormed(text) {
		return reference{}, false
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&tree) != nil {
		return reference{}, false
	}
	r := reference{values: map[string][]string{}}
	_, ok := r.walk(tree, fuzzedPlaces())
	return r, ok
}

// wellFormed is jsontext's verdict on exactly one value, nested at most 64 deep.
func wellFormed(text []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	for values := 0; ; {
		_, err := d.ReadToken()
		if err == io.EOF {
			return values == 1
		}
		if err != nil || d.StackDepth() > 64 {
			return false
		}
		if d.StackDepth() == 0 {
			values++
		}
	}
}

// walk applies the rules below a place. It answers which facts it found there.
func (r *reference) walk(v any, p *place) (found map[token.FactKind]bool, ok bool) {
	found = map[token.FactKind]bool{}
	switch v := v.(type) {
	case nil:
		r.empty(p)
	case string:
		switch {
		case v == "":
			r.empty(p)
		case p.pointer == "" || strings.ContainsRune(v, 0):
			return nil, false
		default:
			r.values[p.pointer] = append(r.values[p.pointer], v)
			found[p.kind] = true
		}
	case json.Number:
		if !p.number || len(v) > 15 || strings.Trim(v.String(), "0123456789") != "" {
			return nil, false
		}
		r.values[p.pointer] = append(r.values[p.pointer], v.String())
		found[p.kind] = true
	case []any:
		return r.elements(v, p)
	case map[string]any:
		return r.object(v, p)
	default:
		return nil, false
	}
	return found, true
}

func (r *reference) elements(list []any, p *place) (map[token.FactKind]bool, bool) {
	found := map[token.FactKind]bool{}
	if len(list) == 0 {
		r.empty(p)
		return found, true
	}
	if p.each == nil {
		return nil, false
	}
	for _, e := range list {
		held, ok := r.walk(e, p.each)
		if !ok {
			return nil, false
		}
		for k := range p.each.kinds() {
			if !held[k] {
				r.hollow[k] = true
			}
		}
		maps.Copy(found, held)
	}
	return found, true
}

func (r *reference) object(v map[string]any, p *place) (map[token.FactKind]bool, bool) {
	found := map[token.FactKind]bool{}
	if p.members == nil {
		return nil, false
	}
	for name, inner := range v {
		next := p.members[name]
		if next == nil {
			cut, _, _ := strings.Cut(name, "\x00")
			for want := range p.members {
				if strings.EqualFold(cut, want) {
					return nil, false
				}
			}
			continue
		}
		held, ok := r.walk(inner, next)
		if !ok {
			return nil, false
		}
		maps.Copy(found, held)
	}
	return found, true
}

func (r *reference) empty(p *place) {
	for k := range p.kinds() {
		r.hollow[k] = true
	}
}

// kinds is the facts at a place and below.
func (p *place) kinds() map[token.FactKind]bool {
	all := map[token.FactKind]bool{}
	if p.pointer != "" {
		all[p.kind] = true
	}
	if p.each != nil {
		maps.Copy(all, p.each.kinds())
	}
	for _, m := range p.members {
		maps.Copy(all, m.kinds())
	}
	return all
}

// sourcesOf are the pointers of fuzzed, by fact and source.
var sourcesOf = [token.FactKinds][]string{
	{"/country", "/list/*/country"}, {"/operators/*"}, {"/a/b/method"}, {"/customer/phone", "/list/*/phone"},
}

// The verdict on every body is that of jsontext and our rules about payment
// fields; and of every body that is accepted, jsontext, encoding/json and gjson
// see the same values as we do.
func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		good, `{}`, `[]`, `null`, `""`, `{"country":"CI","country":"CI"}`, `{"Country":"CI"}`, `{"\u0063ountry":"CI"}`,
		`{"list":[{"country":"CI","phone":"1"},{"country":"ML","phone":2}]}`, `{"list":[{"country":"CI"}]}`, `{"list":[{},null]}`,
		`{"operators":["OM","MTN",null,""]}`, `{"operators":"OM"}`, `{"customer":{"phone":2250707070707}}`, `{"customer":{"phone":1e3}}`,
		`{"a":{"b":{"method":"x\u0000"}}}`, `{"country\u0000":1}`, "{\"\u017fountry\":1,\"\u212aey\":2}", `{"x":"\ud83d\ude00\ud800"}`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat(`{"a":`, 65), `{` + manyNames(30) + `}`, `{` + manyNames(26) + `,"namea0":1}`,
		"\ufeff{}", `{"country":"CI"} x`, `{"operators":[["OM"]]}`, `{"x":-0.0e+10}`, `{"x":01}`, "{\"x\":\"\xff\"}", `{"list":{"country":"CI"}}`,
	} {
		f.Add([]byte(seed))
	}
	p := program(f, fuzzed)
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 {
			return
		}
		var out token.Facts
		reason := p.Read(post(t, string(body)), &out)
		want, ok := judge(body)
		if (reason == token.Allowed) != ok {
			t.Fatalf("%q: read %v, the reference accepts: %v", body, reason, ok)
		}
		if !ok {
			return
		}
		got := map[string][]string{}
		for k := token.FactCountry; int(k) < token.FactKinds; k++ {
			for _, v := range out.Of(k) {
				pointer := sourcesOf[k][v.Source]
				got[pointer] = append(got[pointer], string(v.Value))
			}
		}
		for _, pointer := range []string{"/country", "/list/*/country", "/operators/*", "/a/b/method"} {
			want.values[pointer] = distinct(want.values[pointer])
		}
		maps.DeleteFunc(want.values, func(_ string, list []string) bool { return len(list) == 0 })
		if diff := cmp.Diff(want.values, got); diff != "" {
			t.Errorf("%q: values (-encoding/json +ours):\n%s", body, diff)
		}
		if diff := cmp.Diff(want.hollow, out.Hollow); diff != "" {
			t.Errorf("%q: hollow (-reference +ours):\n%s", body, diff)
		}
		for pointer, list := range got {
			compareReaders(t, body, pointer, list)
		}
	})
}

// compareReaders holds the values of one pointer against what gjson and jsontext
// see there.
func compareReaders(t *testing.T, body []byte, pointer string, list []string) {
	t.Helper()
	path := strings.ReplaceAll(strings.ReplaceAll(pointer[1:], "/", "."), "*", "#")
	result := gjson.GetBytes(body, strings.TrimSuffix(path, ".#"))
	var seen []string
	if strings.Contains(path, "#") {
		for _, v := range result.Array() {
			seen = append(seen, v.String())
		}
	} else {
		seen = []string{result.String()}
	}
	if !strings.HasSuffix(pointer, "/phone") {
		seen = distinct(seen)
	}
	seen = slices.DeleteFunc(seen, func(s string) bool { return s == "" })
	if !slices.Equal(seen, list) {
		t.Errorf("%q: gjson sees %q at %s, we %q", body, seen, pointer, list)
	}
	if strings.Contains(pointer, "*") {
		return
	}
	if value := jsontextAt(body, jsontext.Pointer(pointer)); value != list[0] {
		t.Errorf("%q: jsontext sees %q at %s, we %q", body, value, pointer, list)
	}
}

// jsontextAt is the string or number that jsontext reads at a pointer.
func jsontextAt(body []byte, pointer jsontext.Pointer) string {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		tok, err := d.ReadToken()
		if err != nil {
			return ""
		}
		// A member's name has the pointer of its value; the value comes second.
		if k, n := d.StackIndex(d.StackDepth()); d.StackPointer() == pointer && (k != '{' || n%2 == 0) {
			return tok.String()
		}
	}
}

func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
