package policy

import (
	"strconv"
	"strings"

	"tollgate/policy/token"
)

// describe is the facts as one clause, phones masked.
func describe(f *token.Facts) string {
	var parts []string
	for k := token.FactCountry; int(k) < token.FactKinds; k++ {
		for _, v := range shorten(f.Of(k)) {
			text := quoted(v.Value)
			if k == token.FactPhone {
				text = token.MaskPhone(string(v.Value))
			}
			parts = append(parts, k.String()+" "+text)
		}
	}
	if len(parts) == 0 {
		return "nothing of country, operator, method or phone"
	}
	return strings.Join(parts, ", ")
}

// shorten keeps a long list of values from filling an answer.
func shorten(list []token.Fact) []token.Fact { return list[:min(len(list), 8)] }

// quoted is a value of a request for a sentence: cut, escaped, and without what
// can be told to be a secret or somebody's number.
func quoted(value []byte) string {
	return strconv.QuoteToASCII(token.Redact(string(value[:min(len(value), maxCode)])))
}

func in(country []byte) string {
	if country == nil {
		return ""
	}
	return " in " + quoted(country)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
