package listen

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// v2 is a version 2 header: command and family as on the wire, then the rest.
func v2(command, family byte, rest ...byte) string {
	b := []byte("\r\n\r\n\x00\r\nQUIT\n")
	b = append(b, 0x20|command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rest)))
	return string(append(b, rest...))
}

// over4 is the addresses of a version 2 header for a client, towards 192.0.2.9.
func over4(client string) []byte {
	a := netip.MustParseAddr(client).As4()
	return append(append(a[:], 192, 0, 2, 9), 0x13, 0x88, 0x01, 0xbb)
}

func over6(client string) []byte {
	a := netip.MustParseAddr(client).As16()
	return append(append(a[:], a[:]...), 0x13, 0x88, 0x01, 0xbb)
}

const (
	local, proxied = 0, 1
	tcp4, tcp6     = 0x11, 0x21
	udp4, file     = 0x12, 0x31
)

// pipe is a connection from an address, and its other end.
func pipe(t *testing.T, from string) (near *peerConn, far net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return &peerConn{a, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}, b
}

type peerConn struct {
	net.Conn
	from net.Addr
}

func (c *peerConn) RemoteAddr() net.Addr { return c.from }

var reveal = Reveal(func(a netip.Addr) bool { return netip.MustParsePrefix("10.0.0.0/8").Contains(a) })

// A balancer that is trusted names the client, and not a byte of what follows is
// lost or taken for the header, however the network cuts them.
func TestTrustedHeaderNamesTheClient(t *testing.T) {
	for name, c := range map[string]struct{ header, client string }{
		"v1 over IPv4":         {"PROXY TCP4 203.0.113.7 192.0.2.9 5000 443\r\n", "203.0.113.7:5000"},
		"v1 over IPv6":         {"PROXY TCP6 2001:db8::7 2001:db8::9 5000 443\r\n", "[2001:db8::7]:5000"},
		"v1 of nobody":         {"PROXY UNKNOWN\r\n", "10.1.2.3:4000"},
		"v1 of nobody in full": {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "10.1.2.3:4000"},
		"v2 over IPv4":         {v2(proxied, tcp4, over4("203.0.113.7")...), "203.0.113.7:5000"},
		"v2 over IPv6":         {v2(proxied, tcp6, over6("2001:db8::7")...), "[2001:db8::7]:5000"},
		"v2 mapped":            {v2(proxied, tcp6, over6("::ffff:203.0.113.7")...), "203.0.113.7:5000"},
		"v2 with extras":       {v2(proxied, tcp4, append(over4("203.0.113.7"), slices.Repeat([]byte{0x04, 0, 1, 0}, 1000)...)...), "203.0.113.7:5000"},
		"v2 local":             {v2(local, 0), "10.1.2.3:4000"},
		"v2 local, with words": {v2(local, tcp4, over4("203.0.113.7")...), "10.1.2.3:4000"},
	} {
		for _, piece := range []int{1, 7, 1 << 20} {
			near, far := pipe(t, "10.1.2.3:4000")
			const rest = "GET / HTTP/1.1\r\nPROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n\r\n"
			go func() {
				for b := range slices.Chunk([]byte(c.header+rest), piece) {
					far.Write(b)
				}
				far.Close()
			}()
			got, err := reveal(near)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if tcp, ok := got.RemoteAddr().(*net.TCPAddr); !ok || tcp.String() != c.client {
				t.Errorf("%s: from %v, want %s", name, got.RemoteAddr(), c.client)
			}
			if text, err := io.ReadAll(got); string(text) != rest || err != nil {
				t.Errorf("%s in pieces of %d: what follows is %q, %v", name, piece, text, err)
			}
		}
	}
}

// Whoever is not a trusted balancer cannot name a client: its bytes are left
// for the HTTP reader, all of them, and nothing is waited for.
func TestStrangersHeaderIsNotBelieved(t *testing.T) {
	near, far := pipe(t, "203.0.113.50:4000")
	got, err := reveal(near)
	if err != nil || got.RemoteAddr() != near.from {
		t.Fatalf("%v, %v", got, err)
	}
	const header = "PROXY TCP4 10.0.0.1 192.0.2.9 5000 443\r\n"
	go func() { io.WriteString(far, header); far.Close() }()
	if text, _ := io.ReadAll(got); string(text) != header {
		t.Errorf("of a stranger's header %q is left", text)
	}
}

// A trusted balancer that names nobody, no client there can be, or nothing that
// can be read, is refused: else its own address, or 0.0.0.0, would be judged in
// the client's place.
func TestBadHeadersAreRefused(t *testing.T) {
	const missing, malformed = "proxy_header_missing", "proxy_header_malformed"
	for raw, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":             missing,
		"POST /v1 HTTP/1.1\r\nHost: a\r\n\r\n":          missing,
		"PROXZ TCP4 203.0.113.7 192.0.2.9 5000 443\r\n": missing,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03":  missing,
		"PRO":        missing,
		"PROXY":      missing,
		"PROXY \r\n": malformed,
		"PROXYTCP4 203.0.113.7 192.0.2.9 5000 443\r\n":                                 malformed,
		"PROXY TCP4 203.0.113.7 192.0.2.9 5000 443\n":                                  malformed,
		"PROXY TCP4 203.0.113.7 192.0.2.9 5000 443 \r\n":                               malformed,
		"PROXY TCP4  203.0.113.7 192.0.2.9 5000 443\r\n":                               malformed,
		"PROXY TCP4 203.0.113.7 192.0.2.9 5000 70000\r\n":                              malformed,
		"PROXY TCP4 203.0.113.07 192.0.2.9 5000 443\r\n":                               malformed,
		"PROXY TCP4 2001:db8::7 2001:db8::9 5000 443\r\n":                              malformed,
		"PROXY TCP6 203.0.113.7 192.0.2.9 5000 443\r\n":                                malformed,
		"PROXY TCP6 fe80::1%eth0 2001:db8::9 5000 443\r\n":                             malformed,
		"PROXY TCP4 0.0.0.0 192.0.2.9 5000 443\r\n":                                    malformed,
		"PROXY TCP6 :: 2001:db8::9 5000 443\r\n":                                       malformed,
		"PROXY TCP6 ::ffff:0.0.0.0 2001:db8::9 5000 443\r\n":                           malformed,
		"PROXY TCP4 224.0.0.1 192.0.2.9 5000 443\r\n":                                  malformed,
		"PROXY TCP4 255.255.255.255 192.0.2.9 5000 443\r\n":                            malformed,
		"PROXY UDP4 203.0.113.7 192.0.2.9 5000 443\r\n":                                malformed,
		"PROXY TCP4 203.0.113.7 " + strings.Repeat("1", 200):                           malformed,
		v2(proxied, udp4, over4("203.0.113.7")...):                                     malformed,
		v2(proxied, file, make([]byte, 216)...):                                        malformed,
		v2(proxied, 0):                                                                 malformed,
		v2(proxied, 0x13, over4("203.0.113.7")...):                                     malformed,
		v2(proxied, tcp4, over4("0.0.0.0")...):                                         malformed,
		v2(proxied, tcp6, over6("::")...):                                              malformed,
		v2(proxied, tcp4, 1, 2, 3):                                                     malformed,
		v2(proxied, tcp6, over4("203.0.113.7")...):                                     malformed,
		v2(2, tcp4, over4("203.0.113.7")...):                                           malformed,
		v2(proxied, tcp4, append(over4("203.0.113.7"), make([]byte, 5000)...)...):      malformed,
		v2(local, tcp4, make([]byte, 5000)...):                                         malformed,
		strings.Replace(v2(proxied, tcp4, over4("203.0.113.7")...), "\x21", "\x11", 1): malformed,
		v2(proxied, tcp4, over4("203.0.113.7")...)[:20]:                                malformed,
		v2(proxied, tcp4, over4("203.0.113.7")...)[:13]:                                malformed,
		v2(proxied, tcp4, over4("203.0.113.7")...)[:11]:                                missing,
	} {
		near, far := pipe(t, "10.1.2.3:4000")
		go func() { io.WriteString(far, raw); far.Close() }()
		got, err := reveal(near)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Reason() != want || got != nil {
			t.Errorf("%q: %v, %v, want %s", raw, got, err, want)
		} else if len(raw) > 12 && strings.Contains(refusal.Error(), raw[8:12]) {
			t.Errorf("%q is quoted: %v", raw, err)
		}
		far.Close()
	}
}

// A check of the port, which connects and leaves, is nothing to count.
func TestPortCheckIsNoRefusal(t *testing.T) {
	near, far := pipe(t, "10.1.2.3:4000")
	far.Close()
	_, err := reveal(near)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Reason() != "" || !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

// A check of the port that ends with a reset, as many do, is nothing to count
// either, nor is a connection that we close in a drain: an operator would look
// for a fault that is not there.
func TestPortCheckThatResetsIsNoRefusal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	fatal(t, err)
	near, err := l.Accept()
	fatal(t, err)
	defer near.Close()
	fatal(t, far.(*net.TCPConn).SetLinger(0))
	far.Close()
	ours, _ := pipe(t, "10.1.2.3:4000")
	ours.Close()
	for _, c := range []net.Conn{near, ours} {
		_, err := Reveal(func(netip.Addr) bool { return true })(c)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Reason() != "" {
			t.Errorf("got %v", err)
		}
	}
}

// A trusted peer that stays silent, or stops within its header, is let go at
// the caller's deadline.
func TestSilentHeaderEndsAtTheDeadline(t *testing.T) {
	whole := v2(proxied, tcp4, over4("203.0.113.7")...)
	for _, said := range []string{"", "P", "PROXY TCP4 203.", whole[:5], whole[:14], whole[:20]} {
		near, far := pipe(t, "10.1.2.3:4000")
		go io.WriteString(far, said)
		if err := near.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err := reveal(near)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Reason() != "proxy_header_timeout" {
			t.Errorf("after %q: %v", said, err)
		}
	}
}

// Whatever a trusted balancer's socket brings, it is a client that there can be,
// the balancer itself, or a refusal with a reason; a header takes its own bytes
// and no more than its bound.
func FuzzProxyHeader(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 203.0.113.7 192.0.2.9 5000 443\r\nrest", "PROXY TCP6 2001:db8::7 2001:db8::9 5000 443\r\n", "PROXY UNKNOWN\r\n", "GET / HTTP/1.1\r\n",
		v2(proxied, tcp4, over4("203.0.113.7")...) + "rest", v2(proxied, tcp6, over6("2001:db8::7")...), v2(local, 0), v2(local, tcp4, 1), v2(proxied, file, make([]byte, 216)...),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bufio.NewReaderSize(strings.NewReader(string(raw)), headerRoom)
		client, err := readHeader(r)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || client != nil {
				t.Fatalf("%v, %v", client, err)
			}
			return
		}
		rest, _ := io.ReadAll(r)
		took := raw[:len(raw)-len(rest)]
		switch {
		case strings.HasPrefix(string(took), "PROXY "):
			if len(took) > maxLine || !strings.HasSuffix(string(took), "\r\n") || strings.Count(string(took), "\n") != 1 {
				t.Fatalf("a header of %q", took)
			}
			if words := strings.Fields(string(took)); client != nil && netip.MustParseAddr(words[2]).Unmap() != client.AddrPort().Addr().Unmap() {
				t.Fatalf("%v of %q", client, took)
			}
		case len(took) >= 16 && strings.HasPrefix(string(took), v2(0, 0)[:12]):
			if length := int(binary.BigEndian.Uint16(took[14:])); len(took) != 16+length || length > 4096 {
				t.Fatalf("took %d bytes of a header of %d", len(took), 16+length)
			}
		default:
			t.Fatalf("accepted %q", took)
		}
		if client != nil && !canBeClient(client.AddrPort().Addr().Unmap()) {
			t.Fatalf("%v of %q", client, took)
		}
	})
}
