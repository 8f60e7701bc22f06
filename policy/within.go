package policy

import "tollgate/policy/token"

// Within reports whether a token may be used from where the source is: row 8
// by itself, for issuing, where no other row applies.
func Within(l *token.Live, src token.Source) bool {
	c := Case{Principal: &token.Principal{Live: l}, Source: src}
	return c.judgeAddress() == token.Allowed
}
