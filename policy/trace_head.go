package policy

import (
	"strconv"
	"strings"

	"tollgate/policy/token"
)

// The sentences of explain for rows 7 to 10. Nothing here runs without a trace.

func (t *Trace) environment(c *Case, r token.Reason) {
	detail := "the token is for " + c.Principal.Live.Environment.String() + ", the route for " + c.Route.Environment.String()
	if c.Environment != token.EnvAny {
		detail += ", the request asks for " + c.Environment.String()
	}
	t.add(7, "environment", r, detail)
}

func (t *Trace) address(c *Case, r token.Reason) {
	detail := "no IP range is asked for"
	seen := c.Source.Addr.Unmap().WithZone("").String()
	if c.Source.Unknown || !c.Source.Addr.IsValid() {
		seen = "the client's address, which cannot be told,"
	}
	switch {
	case r == token.CannotDecide:
		detail = "the token's rules were never compiled"
	case r != token.Allowed:
		detail = seen + " is outside the " + c.askedRanges()
	case c.askedRanges() != "":
		detail = seen + " is inside the " + c.askedRanges()
	}
	t.add(8, "ip", r, detail)
}

// clientCert says nothing of a token that asks for no certificate: few do.
func (t *Trace) clientCert(c *Case, r token.Reason) {
	whose, asked := c.askedCerts()
	shown := &c.Source.ClientCert
	detail := "the client certificate " + certHint(shown) + " is one of " + whose
	switch {
	case r == token.Allowed && !asked:
		return
	case r == token.CannotDecide:
		detail = "the token's rules were never compiled"
	case r != token.Allowed && *shown == token.Digest{}:
		detail = "no client certificate was shown that a client_ca of the listener vouches for; it must be one of " + whose
	case r != token.Allowed:
		detail = "the client certificate " + certHint(shown) + " is none of " + whose
	}
	t.add(8, "client_cert", r, detail)
}

// askedCerts names the list that refuses the certificate, else all of them.
func (c *Case) askedCerts() (whose string, asked bool) {
	var lists []string
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules, owner := rulesOf(l), "token"
		if l != c.Principal.Live {
			owner = "parent token"
		}
		if rules == nil || !rules.certs.asked {
			continue
		}
		list := "the " + owner + "'s " + strconv.Itoa(len(rules.certs.digests))
		if !rules.certs.contain(&c.Source.ClientCert) {
			return list, true
		}
		lists = append(lists, list)
	}
	return strings.Join(lists, " and "), len(lists) > 0
}

// askedRanges names the lists that the address is looked up in.
func (c *Case) askedRanges() string {
	var lists []string
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules, whose := rulesOf(l), "token"
		if l != c.Principal.Live {
			whose = "parent token"
		}
		if rules == nil {
			continue
		}
		if rules.own.asked {
			lists = append(lists, whose+"'s "+count(rules.own.count, "range"))
		}
		if rules.merchant.asked {
			lists = append(lists, "merchant's "+count(rules.merchant.count, "range"))
		}
	}
	return strings.Join(lists, " and the ")
}

func (t *Trace) httpMethod(c *Case, r token.Reason) {
	detail := "no HTTP methods are asked for"
	for l := c.Principal.Live; l != nil; l = l.Parent {
		if rules := rulesOf(l); rules != nil && rules.asksMethods {
			detail = c.HTTPMethod + "; the token allows " + rules.methods.String()
			if rules.methods&methodBit(c.HTTPMethod) == 0 {
				break
			}
		}
	}
	t.add(9, "http_method", r, detail)
}

func (t *Trace) permission(c *Case, r token.Reason) {
	detail := "the route asks for no permission"
	switch {
	case c.Route.Permission == "":
	case r == token.Allowed:
		detail = c.Route.Permission + " is granted"
	default:
		detail = c.Route.Permission + " is not granted to " + c.withholder()
	}
	t.add(10, "permission", r, detail)
}

// withholder is whose list the route's permission is missing from.
func (c *Case) withholder() string {
	only := token.Principal{Live: &token.Live{Permissions: c.Principal.Live.Permissions}}
	if !only.Permits(c.Route.Permission) {
		return "the token"
	}
	if c.Principal.Live.Parent != nil {
		whole := token.Principal{Live: c.Principal.Live}
		if !whole.Permits(c.Route.Permission) {
			return "its parent token"
		}
	}
	return "the credential, whose scope is narrower than its token"
}
