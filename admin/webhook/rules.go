package webhook

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// maxURL bounds a webhook's URL, in bytes.
const maxURL = 200

// Rules say which URLs events may be sent to. They are the operator's: the zero
// Rules allow https to public addresses, and no merchant can change them.
type Rules struct {
	HTTP     bool           // plain http as well
	Networks []netip.Prefix // allowed though they are not public, such as 10.20.0.0/16
}

// Check says what is wrong with a URL, in a sentence for who wrote it, or nil.
// It looks at the text alone: a name is judged when it is resolved, at every
// attempt.
func (r *Rules) Check(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return errors.New("a URL may have 200 bytes")
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return errors.New("write a whole URL, such as https://example.com/hook")
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		return errors.New("write a URL in ASCII without spaces; percent-encode the rest")
	case u.User != nil:
		return errors.New("a URL holds no user name or password: it is shown in lists")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("leave out the part after #, which is never sent")
	case u.Scheme == "http" && !r.HTTP:
		return errors.New("write an https URL; plain http is not allowed in this installation")
	case u.Port() == "" && strings.HasSuffix(u.Host, ":"), u.Port() == "0":
		return errors.New("the port is missing after the colon")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && (addr.Is4In6() || !r.allow(addr)) {
		return errors.New("this address is not a public one; write the name of a server on the internet")
	}
	return nil
}

// allow reports whether an address may be called.
func (r *Rules) allow(a netip.Addr) bool {
	return public(a) || a.IsValid() && a.Zone() == "" &&
		slices.ContainsFunc(r.Networks, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}
