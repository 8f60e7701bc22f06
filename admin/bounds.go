package admin

import (
	"tollgate/policy"
	"tollgate/policy/token"
)

// managePermission is the permission to make tokens, which an admin alone gives.
const managePermission = "tokens:manage"

const noComposition = "the token has none: it is not held to any country, operator or method"

// normalise brings bounds into the form that is kept, or says what is wrong.
func (s *service) normalise(b *token.Bounds) ([]token.Warning, token.FieldErrors) {
	return policy.Normalise(s.catalogue(), b)
}

// countryIn finds a country, however it is written, among those of a
// composition.
func countryIn(c *policy.Catalogue, composition token.Composition, code string) (string, bool) {
	country, known := c.Country([]byte(code))
	if !known {
		country = upperASCII(code)
	}
	_, ok := composition[country]
	return country, ok
}

// upperASCII is the word in capitals, letters of ASCII alone.
func upperASCII(word string) string {
	b := []byte(word)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
