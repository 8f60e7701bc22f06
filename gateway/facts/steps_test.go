package facts

import (
	"fmt"
	"strings"
	"testing"

	"tollgate/policy"
	"tollgate/policy/token"
)

// Each transform does what it says, and a word that it does not know is kept
// and marked, so that it matches nothing.
func TestTransforms(t *testing.T) {
	f := func(steps, value, want string) {
		t.Helper()
		p := program(t, policy.FactsText{
			Country: []string{"json:/v" + steps}, Tables: map[string]map[string]string{"t": {"CASHIN": "disburse", "hush": "-"}},
			Method: []string{"json:/m | alias:t"},
		})
		if got := read(t, p, post(t, fmt.Sprintf(`{"v":%q}`, value))); got != want {
			t.Errorf("%s%s: got %q, want %q", value, steps, got, want)
		}
	}
	f(" | upper", "ci", "country=CI")
	f(" | upper", "CI", "country=CI")
	f(" | upper", "côte", "country=CôTE") // ASCII only
	f(" | suffix:_", "ORANGE_MONEY_CI", "country=CI")
	f(" | suffix:-", "mtn-ci", "country=ci")
	f(" | suffix:_", "ORANGE", "country=ORANGE?")
	f(" | suffix:_", "ORANGE_", "country=ORANGE_?")
	f(" | suffix:_ | alpha3", "MTN_MOMO_CIV", "country=CI")
	f(" | suffix:_ | alpha3", "MTN_MOMO_CI", "country=CI?") // alpha-2 is not alpha-3
	f(" | suffix:_ | alpha3", "MTN_MOMO_XYZ", "country=XYZ?")
	f(" | suffix:_ | alpha3", "CIV", "country=CIV?") // no suffix: what follows is not done
	f(" | alpha3", "civ", "country=CI")
	f(" | dial", "225", "country=CI")
	f(" | dial", "+225", "country=CI")
	f(" | dial", "00225", "country=CI")
	f(" | dial", "2250", "country=2250?")
	f(" | dial", "CI", "country=CI?")
	f(" | region", "+2250707070707", "country=CI")
	f(" | region", "2250707070707", "country=CI")
	f(" | region", "002250707070707", "country=CI")
	f(" | region", "+27821234567", "country=ZA")
	f(" | region", "0707070707", "country=0707070707?")
	f(" | region", "++2250707070707", "country=++2250707070707?")
	f(" | region", "000225", "country=000225?")
	f(" | region", "+9990000", "country=+9990000?")
	f(" | region", "+", "country=+?")
	f(" | region", "CI", "country=CI?")
	f(" | alias", "civ", "country=CI")
	f(" | alias", "Utopia", "country=Utopia") // not renamed, not marked
	f(" | alias:t", "CASHIN", "country=disburse")
	f(" | alias:t", "cashin", "country=cashin?")
	f(" | alias:t", "disburse", "country=disburse?") // our own word is not the provider's
	f(" | alias:t", "hush", "")
	f(" | upper | alias:t", "cashin", "country=disburse")
}

// Of an operator, a bare alias gives the catalogue's name in the one country
// that the request names.
func TestAliasNamesOperators(t *testing.T) {
	p := program(t, policy.FactsText{
		Country: []string{"json:/countries/*", "json:/word | alias:words"}, Operator: []string{"json:/named | alias", "json:/plain"},
		Tables: map[string]map[string]string{"words": {"ivory": "CI"}},
	})
	f := func(body, want string) {
		t.Helper()
		if got := read(t, p, post(t, body)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	f(`{"countries":["CI"],"named":"om","plain":"om"}`, "country=CI operator=ORANGE,om")
	f(`{"plain":"om","named":"om","countries":["CI","CIV"]}`, "country=CI,CIV operator=om,ORANGE")
	f(`{"countries":["TG"],"named":"FLOOZ"}`, "country=TG operator=MOOV")
	f(`{"countries":["CI","ML"],"named":"om"}`, "country=CI,ML operator=om")
	f(`{"countries":["XX"],"named":"om"}`, "country=XX operator=om")
	f(`{"countries":["CI"],"named":"NEWCOMER"}`, "country=CI operator=NEWCOMER")
	f(`{"named":"om"}`, "operator=om")
	f(`{"word":"CI","named":"om"}`, "country=CI? operator=om") // a word of no table is no country
}

// With * every element must hold the field; an element of another type, or a
// star on what is no array, is refused.
func TestEveryElementMustHoldTheField(t *testing.T) {
	p := program(t, policy.FactsText{
		Operator: []string{"json:/data/*/mno"},
		Phone:    []string{"json:/data/*/msisdn", "json:/data/*/phone"},
		Country:  []string{"json:/groups/*/members/*/country"},
	})
	f := func(body, want string) {
		t.Helper()
		if got := read(t, p, post(t, body)); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", body, got, want)
		}
	}
	f(`{"data":[{"mno":"OM","msisdn":"1"},{"msisdn":"2","mno":"MTN"}]}`, "operator=OM,MTN phone=1,2")
	f(`{"data":[{"mno":"OM","msisdn":"1"},{"mno":"OM","phone":"2"}]}`, "operator=OM phone=1,2") // either name will do; that they differ is policy's
	f(`{"data":[{"mno":"OM","msisdn":"1"},{"mno":"OM"}]}`, "operator=OM phone=1 hollow=phone")
	f(`{"data":[{"msisdn":"1"},{"mno":"OM","msisdn":"1"}]}`, "operator=OM phone=1,1 hollow=operator")
	f(`{"data":[{}]}`, "hollow=operator hollow=phone")
	f(`{"data":[]}`, "hollow=operator hollow=phone")
	f(`{"data":[null]}`, "hollow=operator hollow=phone")
	f(`{"data":[{"mno":"OM","msisdn":null},{"mno":"OM","msisdn":"2"}]}`, "operator=OM phone=2 hollow=phone")
	f(`{}`, "")
	f(`{"data":{"mno":"OM"}}`, "body_ambiguous")
	f(`{"data":"OM"}`, "body_ambiguous")
	f(`{"data":["OM"]}`, "body_ambiguous")
	f(`{"data":[[{"mno":"OM","msisdn":"1"}]]}`, "body_ambiguous")
	f(`{"data":[{"mno":["OM"]}]}`, "body_ambiguous")
	f(`{"data":[{"mno":"OM","Mno":"MTN","msisdn":"1"}]}`, "body_ambiguous")
	f(`{"groups":[{"members":[{"country":"CI"},{"country":"ML"}]},{"members":[{"country":"SN"}]}]}`, "country=CI,ML,SN")
	f(`{"groups":[{"members":[{"country":"CI"}]},{"members":[]}]}`, "country=CI hollow=country")
	f(`{"groups":[{"members":[{"country":"CI"},{}]}]}`, "country=CI hollow=country")
	f(`{"groups":[{"members":[{"country":"CI"}]},{}]}`, "country=CI hollow=country")
}

// A list and a single value can both be places of one fact.
func TestOnePlaceMayBeAListOrAValue(t *testing.T) {
	p := program(t, policy.FactsText{Operator: []string{"json:/operators", "json:/operators/*"}})
	for body, want := range map[string]string{
		`{"operators":"OM"}`: "operator=OM", `{"operators":["OM","MTN"]}`: "operator=OM,MTN", `{"operators":[]}`: "hollow=operator",
		`{"operators":{}}`: "body_ambiguous", `{"operators":7}`: "body_ambiguous",
	} {
		if got := read(t, p, post(t, body)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// What stands in front of a phone comes from its own element, never from a
// neighbour, however the elements are written.
func TestConcatStaysInItsElement(t *testing.T) {
	p := program(t, policy.FactsText{Phone: []string{
		"json:/list/*/phone | concat:(json:/list/*/prefix)",
		"json:/list/*/msisdn | concat:(json:/list/*/prefix)",
		"json:/phone | concat:(json:/prefix)",
		"json:/local | concat:(const:+225)",
		"json:/list/*/others/*/phone",
	}})
	f := func(body, want string) {
		t.Helper()
		if got := read(t, p, post(t, body)); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", body, got, want)
		}
	}
	f(`{"list":[{"prefix":"1","phone":"a"},{"msisdn":"b","prefix":"2"},{"phone":"c","prefix":"3"}]}`, "phone=1a,2b,3c")
	f(`{"list":[{"prefix":"1"},{"phone":"b","prefix":"2"}]}`, "phone=2b hollow=phone")
	f(`{"list":[{"prefix":"1","phone":"a"},{"phone":"b"},{"prefix":"3"}]}`, "phone=1a hollow=phone")
	f(`{"list":[{"prefix":"1","others":[{"phone":"x"},{"phone":"y"}],"phone":"a"}]}`, "phone=x,y,1a")
	f(`{"phone":"a","prefix":"1"}`, "phone=1a")
	f(`{"phone":"a"}`, "hollow=phone")
	f(`{"phone":"a","prefix":null}`, "hollow=phone")
	f(`{"prefix":"1"}`, "")
	f(`{"local":"07"}`, "phone=+22507")
}

// A required field must be there and hold its one value, in every element.
func TestGuards(t *testing.T) {
	p := program(t, policy.FactsText{
		Phone:   []string{"json:/payer/partyId"},
		Require: map[string]string{"json:/payer/partyIdType": "MSISDN", "header:X-Kind": "live"},
	})
	f := func(body, kind, want string) {
		t.Helper()
		if got := read(t, p, post(t, body, "X-Kind: "+kind)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	f(`{"payer":{"partyIdType":"MSISDN","partyId":"1"}}`, "live", "phone=1")
	f(`{"payer":{"partyIdType":"MSISDN","partyId":"1"}}`, "test", "phone=1 guard=fact_conflict")
	f(`{"payer":{"partyIdType":"EMAIL","partyId":"1"}}`, "live", "phone=1 guard=fact_conflict")
	f(`{"payer":{"partyIdType":"msisdn","partyId":"1"}}`, "live", "phone=1 guard=fact_conflict")
	f(`{"payer":{"partyIdType":null,"partyId":"1"}}`, "live", "phone=1 guard=fact_missing")
	f(`{"payer":{"partyId":"1"}}`, "live", "phone=1 guard=fact_missing")
	f(`{}`, "live", "guard=fact_missing")
	f(`{"payer":{"partyIdType":1}}`, "live", "body_ambiguous")
	f(`{"payer":{"PartyIdType":"MSISDN"}}`, "live", "body_ambiguous")

	each := program(t, policy.FactsText{Phone: []string{"json:/*/id"}, Require: map[string]string{"json:/*/type": "MSISDN"}})
	for body, want := range map[string]string{
		`[{"id":"1","type":"MSISDN"},{"id":"2","type":"MSISDN"}]`: "phone=1,2",
		`[{"id":"1","type":"MSISDN"},{"id":"2","type":"EMAIL"}]`:  "phone=1,2 guard=fact_conflict",
		`[{"id":"1","type":"MSISDN"},{"id":"2"}]`:                 "phone=1,2 guard=fact_missing",
	} {
		if got := read(t, each, post(t, body)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// The token's own value counts when it has exactly one, and never stands for
// all of several.
func TestTokenAsASource(t *testing.T) {
	p := program(t, policy.FactsText{
		Country: []string{"token"}, Operator: []string{"token"}, Method: []string{"token"}, Phone: []string{"token"},
	})
	f := func(b token.Bounds, numbers []token.Number, want string) {
		t.Helper()
		rules, err := policy.Compile(p.catalogue, b, numbers, nil)
		if err != nil {
			t.Fatal(err)
		}
		in := request(t, "GET", "/pay", "")
		in.Own = &token.Live{Rules: rules}
		if got := read(t, p, in); got != want {
			t.Errorf("%+v: got %q, want %q", b.Composition, got, want)
		}
	}
	one := token.Number{Country: "CI", E164: "+2250707070707", Enabled: true}
	f(token.Bounds{Composition: token.Composition{"CI": {"ORANGE": {"collect"}}}}, []token.Number{one},
		"country=CI operator=ORANGE method=collect phone=+2250707070707")
	f(token.Bounds{Composition: token.Composition{"CI": {"ORANGE": {"collect"}}, "ML": {"ORANGE": {"collect"}}}}, nil,
		"operator=ORANGE method=collect")
	f(token.Bounds{Composition: token.Composition{"CI": {"ORANGE": {"collect"}, "MTN": {"collect", "disburse"}}}}, nil, "country=CI")
	f(token.Bounds{}, nil, "")
	if got := read(t, p, request(t, "GET", "/pay", "")); got != "" {
		t.Errorf("without a token: %s", got)
	}
}

// A request may not name more parties than can be judged in bounded time, and
// names each word it repeats once.
func TestReadBoundsValues(t *testing.T) {
	p := program(t, policy.FactsText{Phone: []string{"json:/p/*"}, Country: []string{"json:/c/*"}})
	list := func(n int, same bool) string {
		words := make([]string, n)
		for i := range words {
			words[i] = fmt.Sprintf(`"w%d"`, i)
			if same {
				words[i] = `"CI"`
			}
		}
		return "[" + strings.Join(words, ",") + "]"
	}
	for body, want := range map[string]token.Reason{
		`{"p":` + list(maxHits, false) + `}`:    token.Allowed,
		`{"p":` + list(maxHits+1, false) + `}`:  token.BodyTooLarge,
		`{"c":` + list(maxWords, false) + `}`:   token.Allowed,
		`{"c":` + list(maxWords+1, true) + `}`:  token.Allowed,
		`{"c":` + list(maxWords+1, false) + `}`: token.BodyTooLarge,
	} {
		var out token.Facts
		in := post(t, body)
		if got := p.Read(in, &out); got != want {
			t.Errorf("%.20s… of %d bytes: got %v, want %v", body, len(body), got, want)
		}
		if want != token.Allowed && told(&out) != "" {
			t.Errorf("%.20s… was refused and left facts behind", body)
		}
		if want != token.Allowed && !strings.Contains(in.Detail, "smaller batches") {
			t.Errorf("the detail %q does not say what would do", in.Detail)
		}
	}
	if got := read(t, p, post(t, `{"c":`+list(100, true)+`}`)); got != "country=CI" {
		t.Errorf("one country a hundred times: %s", got)
	}
}
