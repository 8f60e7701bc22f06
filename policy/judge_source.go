package policy

import "tollgate/policy/token"

// JudgeSource judges row 8 by itself: whether a token may be used from where the
// source is and with the certificate it showed. It is for issuing, where no
// other row of Decide applies.
func JudgeSource(l *token.Live, src token.Source) token.Reason {
	c := Case{Principal: &token.Principal{Live: l}, Source: src}
	if r := c.judgeAddress(); r != token.Allowed {
		return r
	}
	return c.judgeClientCert()
}
