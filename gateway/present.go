package gateway

import "tollgate/policy/token"

// present reads what was presented, in exactly one of the route's dialects (row
// 4). Only the route's dialects are asked: what others carry is removed unread.
//
// Two dialects may look at one carrier, Authorization: Bearer. There the one
// that can read the value has it; where none can, the first listed words the
// refusal. Two carriers that both hold something are ambiguous, whether their
// values can be read or not: which of them counts is not ours to guess. So are
// two credentials of one dialect. The first listed dialect of those that found
// something words the refusal.
func (p *passage) present() token.Reason {
	claim := token.Absent
	for _, d := range p.route.dialects {
		p.candidate = token.Presented{}
		switch presence := d.Present(p.header, &p.candidate); {
		case presence == token.Absent:
		case presence == token.Ambiguous:
			if claim == token.Absent {
				p.dialect, p.presented = d, p.candidate
			}
			return token.CredentialsAmbiguous
		case claim == token.Absent:
			claim, p.dialect, p.presented = presence, d, p.candidate
		case !sameCarrier(&p.presented, &p.candidate):
			return token.CredentialsAmbiguous
		case claim == token.Malformed && presence == token.Found:
			claim, p.dialect, p.presented = presence, d, p.candidate
		}
	}
	if claim == token.Absent {
		return token.CredentialsMissing
	}
	if claim == token.Malformed {
		p.presented.Kind = token.KindNone // the verifier refuses it, and counts it
	}
	return token.Allowed
}

// sameCarrier reports whether two dialects looked at the very same place of the
// request. Two that found nothing readable in it both looked at Authorization,
// unless one of them reads the query: the other carriers hold something or are
// not there.
func sameCarrier(p, q *token.Presented) bool {
	a, b := p.Secret, q.Secret
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b) && (p.Dialect == signatureDialect) == (q.Dialect == signatureDialect)
	}
	return len(a) == len(b) && &a[0] == &b[0]
}
