package store

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

// The forms RFC 8785 prints, as far as our types reach.
func TestCanonicalIsRFC8785(t *testing.T) {
	for want, v := range map[string]any{
		`null`:                   nil,
		`true`:                   true,
		`-12`:                    -12,
		`9007199254740991`:       int64(9007199254740991),
		`[]`:                     []string(nil),
		`{}`:                     token.Composition(nil),
		`["a",[1,null],{"b":2}]`: []any{"a", []any{1, nil}, object{"b": 2}},
		`{"":1,"1":2,"a":3}`:     object{"a": 3, "": 1, "1": 2},
		"\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"":       "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/", // §3.2.2.2
		`"\b\t\u000b\f\r<>&` + "\u2028\u2029\u007f" + `"`: "\b\t\v\f\r<>&\u2028\u2029\u007f",
		`"` + "\ufffd" + `"`:                              "\xff",
		// §3.2.3: by UTF-16 units, where a surrogate pair comes before U+FB33.
		"{\"\\r\":1,\"1\":2,\"\u0080\":3,\"\u00f6\":4,\"\u20ac\":5,\"\U0001F600\":6,\"\ufb33\":7}": object{
			"\u20ac": 5, "\r": 1, "\ufb33": 7, "1": 2, "\U0001F600": 6, "\u0080": 3, "\u00f6": 4},
		`{"CI":{"MTN":["collect"],"ORANGE":["collect","disburse"]}}`: token.Composition{
			"CI": {"ORANGE": {"collect", "disburse"}, "MTN": {"collect"}}},
	} {
		if got, err := canonical(v); err != nil || string(got) != want {
			t.Errorf("%#v is %s, %v; want %s", v, got, err, want)
		}
	}
	for _, v := range []any{1.5, struct{}{}, []int{1}, object{"a": float32(1)}, []any{uint(1)}} {
		if got, err := canonical(v); err == nil {
			t.Errorf("%#v has the form %s", v, got)
		}
	}
}

// What is written can be read, by anyone's parser, as what it was.
func TestCanonicalReadsBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		in := rapid.MapOf(rapid.String(), rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String()))).Draw(r, "composition")
		text, err := canonical(token.Composition(in))
		if err != nil {
			r.Fatal(err)
		}
		var out map[string]map[string][]string
		if err := json.Unmarshal(text, &out); err != nil {
			r.Fatalf("%s: %v", text, err)
		}
		if !reflect.DeepEqual(in, out) {
			r.Fatalf("%v came back as %v", in, out)
		}
	})
}

// Anyone who has the rows can check the chain: the hash is over what the
// comment of HashAudit says, and over all of it.
func TestAuditHashIsOverWhatItSays(t *testing.T) {
	row := token.AuditRow{
		Sequence: 7, At: 1_700_000_000_000_000, Actor: token.Actor{Kind: "cli", ID: "a"}, Action: "token.revoke",
		Target: token.AuditTarget{Kind: "token", ID: "tok_x"}, Merchant: "mer_x", IP: "192.0.2.7", RequestID: "r",
		Before: []byte(`{"a":1}`), PrevHash: token.DigestOf([]byte("before")),
	}
	text := `{"action":"token.revoke","actor":{"id":"a","kind":"cli"},"after":null,"at":"2023-11-14T22:13:20.000000Z",` +
		`"before":{"a":1},"ip":"192.0.2.7","merchant_id":"mer_x","request_id":"r","seq":7,"target":{"id":"tok_x","kind":"token"}}`
	want := token.DigestOf(append(row.PrevHash[:], text...))
	got, err := HashAudit(&row)
	if err != nil || got != want {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
	for name, change := range map[string]func(*token.AuditRow){
		"seq":        func(r *token.AuditRow) { r.Sequence++ },
		"at":         func(r *token.AuditRow) { r.At++ },
		"actor kind": func(r *token.AuditRow) { r.Actor.Kind = "x" },
		"actor id":   func(r *token.AuditRow) { r.Actor.ID = "x" },
		"action":     func(r *token.AuditRow) { r.Action = "x" },
		"target":     func(r *token.AuditRow) { r.Target = token.AuditTarget{} },
		"merchant":   func(r *token.AuditRow) { r.Merchant = "" },
		"ip":         func(r *token.AuditRow) { r.IP = "" },
		"request id": func(r *token.AuditRow) { r.RequestID = "" },
		"before":     func(r *token.AuditRow) { r.Before = nil },
		"after":      func(r *token.AuditRow) { r.After = []byte(`{}`) },
		"prev hash":  func(r *token.AuditRow) { r.PrevHash[31]++ },
	} {
		other := row
		change(&other)
		if h, err := HashAudit(&other); err != nil || h == want {
			t.Errorf("another %s has the same hash", name)
		}
	}
}
