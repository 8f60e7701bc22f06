package admin

import (
	"strings"
	"testing"

	"tollgate/policy/token"
)

// A field error quotes the word that is wrong, but for what can be told to be a
// secret or a number, and keeps our own examples whole, however the quoted word
// is spelt.
func TestFieldErrorsQuoteNoSecret(t *testing.T) {
	f := func(message, want string) {
		t.Helper()
		p := refuseFields(token.FieldErrors{{Field: "x", Message: message}})
		if got := p.Errors[0].Message; got != want {
			t.Errorf("%s becomes %s, want %s", message, got, want)
		}
	}
	f(`"FLY" is no method; write GET`, `"FLY" is no method; write GET`)
	f(`"+2250707070707" is no country; write it as +2250707070707`, `"+***********07" is no country; write it as +2250707070707`)
	f(`"a \" 4539578763621486" is none`, `"a \" **************86" is none`)
	f(`"tga_0123456789abcdefghij" and "tgo_0123456789abcdefghij"`, `"(hidden)" and "(hidden)"`)
	f(`"cut 4539578763621486`, `"cut **************86`)
	f(`"cut \`, `"cut \`)
	f(``, ``)
	p := refuseFields(token.FieldErrors{{Field: "composition.tga_0123456789abcdefghij", Message: ""}})
	if strings.Contains(p.Errors[0].Field, "0123456789") {
		t.Errorf("the field is %s", p.Errors[0].Field)
	}
}
