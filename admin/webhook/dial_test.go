package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// names answers a name with one list of addresses after the other.
type names struct {
	asked   atomic.Int64
	answers [][]string
}

func (n *names) LookupNetIP(_ context.Context, network, _ string) ([]netip.Addr, error) {
	at := int(n.asked.Add(1)) - 1
	if at >= len(n.answers) {
		return nil, errors.New("asked too often")
	}
	var list []netip.Addr
	for _, text := range n.answers[at] {
		list = append(list, netip.MustParseAddr(text))
	}
	return list, nil
}

// dialWith dials a listener on a loopback address by name.
func dialWith(t *testing.T, rules *Rules, n *names) (reached bool, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	d := &dialer{rules: rules, resolver: n}
	d.net.Timeout = dialTimeout
	conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort("hook.example", port))
	if err == nil {
		reached = conn.RemoteAddr().String() == l.Addr().String()
		_ = conn.Close()
	}
	return reached, err
}

// TestNameIsResolvedOnce: the address that was judged is the one that is
// dialled. A name that is public at the first look and loopback at the second
// gets no second look.
func TestNameIsResolvedOnce(t *testing.T) {
	loopback := &Rules{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	n := &names{answers: [][]string{{"127.0.0.1"}, {"10.0.0.1"}}}
	if reached, err := dialWith(t, loopback, n); !reached || n.asked.Load() != 1 {
		t.Errorf("reached %v after %d questions: %v", reached, n.asked.Load(), err)
	}
	mapped := &names{answers: [][]string{{"::ffff:127.0.0.1"}}}
	if reached, err := dialWith(t, loopback, mapped); !reached {
		t.Errorf("the resolver's own form of an IPv4 address is not understood: %v", err)
	}
}

// TestRefusedRangesAreNotDialled: a name with an address that is not public is
// refused before any connection, even beside a public one.
func TestRefusedRangesAreNotDialled(t *testing.T) {
	for _, answer := range [][]string{
		{"127.0.0.1"}, {"::1"}, {"10.0.0.1"}, {"172.16.0.1"}, {"192.168.1.1"}, {"169.254.169.254"}, {"fe80::1"}, {"fd00::1"},
		{"::ffff:127.0.0.1"}, {"64:ff9b::7f00:1"}, {"100.64.0.1"}, {"224.0.0.1"}, {"ff02::1"}, {"192.0.2.1"}, {"2001:db8::1"},
		{"0.0.0.0"}, {"::"}, {"255.255.255.255"}, {"2002:7f00:1::1"},
		{"8.8.8.8", "127.0.0.1"}, {"127.0.0.1", "8.8.8.8"}, {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "10.0.0.1"},
	} {
		if _, err := dialWith(t, &Rules{}, &names{answers: [][]string{answer}}); !errors.Is(err, failNotPublic) {
			t.Errorf("%v: %v", answer, err)
		}
	}
	if _, err := dialWith(t, &Rules{}, &names{answers: [][]string{{}}}); !errors.Is(err, failNoAddress) {
		t.Errorf("a name without addresses: %v", err)
	}
	if _, err := dialWith(t, &Rules{}, &names{}); !errors.Is(err, failNoAddress) {
		t.Errorf("a name that cannot be resolved: %v", err)
	}
}

// TestNextAddressIsTried: a name's second address takes the place of a first
// one that nobody listens on.
func TestNextAddressIsTried(t *testing.T) {
	loopback := &Rules{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if reached, err := dialWith(t, loopback, &names{answers: [][]string{{"127.0.0.99", "127.0.0.1"}}}); !reached {
		t.Error(err)
	}
	n := &names{answers: [][]string{{"127.0.0.96", "127.0.0.97", "127.0.0.98", "127.0.0.99", "127.0.0.1"}}}
	if _, err := dialWith(t, loopback, n); !errors.Is(err, failNoConnection) {
		t.Errorf("a fifth address was tried: %v", err)
	}
}
