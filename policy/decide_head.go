package policy

import "tollgate/policy/token"

// The rows that a request's headers and address decide. Each looks at the token
// and then at its parent: a child is never freer than the token that made it.

func (c *Case) environment(v *Verdict, t *Trace) bool {
	r := token.Allowed
	for l := c.Principal.Live; l != nil && r == token.Allowed; l = l.Parent {
		if c.Route.Environment != token.EnvAny && c.Route.Environment != l.Environment ||
			c.Environment != token.EnvAny && c.Environment != l.Environment {
			r = token.EnvironmentMismatch
		}
	}
	if t != nil {
		t.environment(c, r)
	}
	return c.settle(v, r)
}

func (c *Case) address(v *Verdict, t *Trace) bool {
	r := c.judgeAddress()
	if t != nil {
		t.address(c, r)
	}
	return c.settle(v, r)
}

func (c *Case) judgeAddress() token.Reason {
	ip := c.Source.Addr.Unmap().WithZone("")
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules := rulesOf(l)
		if rules == nil {
			return token.CannotDecide
		}
		if !rules.own.asked && !rules.merchant.asked {
			continue
		}
		if c.Source.Unknown || !rules.own.contain(ip) || !rules.merchant.contain(ip) {
			return token.IPNotAllowed
		}
	}
	return token.Allowed
}

func (c *Case) clientCert(v *Verdict, t *Trace) bool {
	r := c.judgeClientCert()
	if t != nil {
		t.clientCert(c, r)
	}
	return c.settle(v, r)
}

func (c *Case) judgeClientCert() token.Reason {
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules := rulesOf(l)
		if rules == nil {
			return token.CannotDecide
		}
		if !rules.certs.contain(&c.Source.ClientCert) {
			return token.ClientCertNotAllowed
		}
	}
	return token.Allowed
}

func (c *Case) httpMethod(v *Verdict, t *Trace) bool {
	r := c.judgeMethod()
	if t != nil {
		t.httpMethod(c, r)
	}
	return c.settle(v, r)
}

func (c *Case) judgeMethod() token.Reason {
	for l := c.Principal.Live; l != nil; l = l.Parent {
		rules := rulesOf(l)
		if rules == nil {
			return token.CannotDecide
		}
		if rules.asksMethods && rules.methods&methodBit(c.HTTPMethod) == 0 {
			return token.HTTPMethodNotAllowed
		}
	}
	return token.Allowed
}

func (c *Case) permission(v *Verdict, t *Trace) bool {
	r := token.Allowed
	if c.Route.Permission != "" && !c.Principal.Permits(c.Route.Permission) {
		r = token.PermissionMissing
	}
	if t != nil {
		t.permission(c, r)
	}
	return c.settle(v, r)
}
