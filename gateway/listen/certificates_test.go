package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// words gathers what is logged.
type words struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.text.Write(p)
}

func (w *words) String() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.text.String()
}

func open(t testing.TB, f Files) (*Certificates, *words) {
	t.Helper()
	said := &words{}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(said), zap.InfoLevel))
	c, err := Open(Options{Use: "listen", Files: f, Logger: log, Now: time.Now})
	fatal(t, err)
	c.quiet = 20 * time.Millisecond
	return c, said
}

func watch(t testing.TB, c *Certificates) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { c.Watch(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
}

// echo serves TLS on a socket: it says whether the session was resumed and whose
// certificate the client has proved, then sends back what comes.
func echo(t testing.TB, config *tls.Config) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				s := tls.Server(c, config)
				if s.Handshake() != nil {
					return
				}
				proved := 0
				if state := s.ConnectionState(); len(state.VerifiedChains) > 0 {
					proved = 1
				}
				fmt.Fprintf(s, "%t %d\n", s.ConnectionState().DidResume, proved)
				io.Copy(s, s)
			}()
		}
	}()
	return l.Addr().String()
}

// greet connects and reads the greeting; client certificates fail only there,
// as TLS 1.3 has it.
func greet(t testing.TB, address string, config *tls.Config) (*tls.Conn, string, error) {
	t.Helper()
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		return nil, "", err
	}
	t.Cleanup(func() { c.Close() })
	fatal(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	var room [64]byte
	n, err := c.Read(room[:])
	return c, string(room[:n]), err
}

func clientOf(a *authority, own ...tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, ServerName: "a.test", Certificates: own}
}

func serial(c *tls.Conn) string { return c.ConnectionState().PeerCertificates[0].SerialNumber.Text(16) }

func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	tick, limit := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// TLS 1.2 and 1.3 are spoken with HTTP/1.1 alone inside; what is older, and a
// client that only speaks something else, is refused.
func TestOldTLSIsRefused(t *testing.T) {
	a := newAuthority(t, "site")
	c, _ := open(t, folder(t, a.issue(nil), nil))
	address := echo(t, c.Server())
	for version, want := range map[uint16]bool{tls.VersionTLS13: true, tls.VersionTLS12: true, tls.VersionTLS11: false, tls.VersionTLS10: false} {
		config := clientOf(a)
		config.MinVersion, config.MaxVersion = version, version
		config.NextProtos = []string{"h2", "http/1.1"}
		conn, _, err := greet(t, address, config)
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		} else if err == nil && conn.ConnectionState().NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: %q is spoken inside", tls.VersionName(version), conn.ConnectionState().NegotiatedProtocol)
		}
	}
	config := clientOf(a)
	config.NextProtos = []string{"h2"}
	if _, _, err := greet(t, address, config); err == nil {
		t.Error("a client that speaks nothing but HTTP/2 was let in")
	}
}

// A certificate that is renewed, in whichever way an operator's tool replaces
// files, is shown to the next client within a moment, and a connection in use
// goes on as if nothing were.
func TestCertificateIsRenewedWithoutADrop(t *testing.T) {
	a := newAuthority(t, "site")
	for name, replace := range map[string]func(t *testing.T, dir string, p pair){
		"written over": func(t *testing.T, dir string, p pair) {
			put(t, filepath.Join(dir, "tls.crt"), p.cert)
			put(t, filepath.Join(dir, "tls.key"), p.key)
		},
		"moved into place": func(t *testing.T, dir string, p pair) {
			for name, data := range map[string][]byte{"tls.key": p.key, "tls.crt": p.cert} {
				put(t, filepath.Join(dir, name+".new"), data)
				fatal(t, os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)))
			}
		},
		"link turned, as Kubernetes does": func(t *testing.T, dir string, p pair) {
			next := filepath.Join(dir, fmt.Sprint("..", p.use.Leaf.SerialNumber))
			fatal(t, os.Mkdir(next, 0o700))
			put(t, filepath.Join(next, "tls.crt"), p.cert)
			put(t, filepath.Join(next, "tls.key"), p.key)
			fatal(t, os.Symlink(next, filepath.Join(dir, "..tmp")))
			fatal(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
			for _, name := range []string{"tls.crt", "tls.key"} {
				if link, _ := os.Readlink(filepath.Join(dir, name)); link == "" { // the first time
					os.Remove(filepath.Join(dir, name))
					fatal(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
				}
			}
		},
		"told by SIGHUP": nil,
	} {
		t.Run(name, func(t *testing.T) {
			f := folder(t, a.issue(nil), nil)
			c, said := open(t, f)
			if replace != nil {
				watch(t, c)
			}
			address := echo(t, c.Server())
			used, _, err := greet(t, address, clientOf(a))
			fatal(t, err)
			for round := range 3 {
				next := a.issue(nil)
				if replace != nil {
					replace(t, filepath.Dir(f.Cert), next)
				} else {
					put(t, f.Cert, next.cert)
					put(t, f.Key, next.key)
					fatal(t, c.Reload())
				}
				until(t, "the new certificate is shown", func() bool {
					conn, _, err := greet(t, address, clientOf(a))
					fatal(t, err)
					return serial(conn) == next.use.Leaf.SerialNumber.Text(16)
				})
				fmt.Fprintf(used, "still %d\n", round)
				var room [8]byte
				if _, err := io.ReadFull(used, room[:]); err != nil || string(room[:]) != fmt.Sprintf("still %d\n", round) {
					t.Fatalf("the connection in use: %q, %v", room, err)
				}
			}
			s := c.Status()
			if s.Applied != 3 || !s.Good || s.NotAfter.Sub(time.Now()) > 90*day || s.NotAfter.Sub(time.Now()) < 89*day {
				t.Errorf("the status is %+v\n%s", s, said)
			}
			if replace == nil && s.Refused > 0 { // a pair that is written in two steps may be seen between them
				t.Errorf("%d refused\n%s", s.Refused, said)
			}
		})
	}
}

// A pair that cannot serve, however it came about, is not taken over: the old
// one goes on, an error names the file and what is wrong, once, and the metrics
// alarm until it is mended.
func TestBadPairKeepsTheOldOne(t *testing.T) {
	a := newAuthority(t, "site")
	at := func(from, to time.Duration) pair {
		return a.issue(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) })
	}
	other, expired, early := a.issue(nil), at(-time.Hour, -time.Minute), at(time.Hour, 2*time.Hour)
	for name, bad := range map[string]struct {
		cert, key []byte
		names     []string
	}{
		"another key":       {other.cert, nil, []string{"tls.key", "no key for"}},
		"another cert":      {nil, other.key, []string{"tls.crt", "no key for"}},
		"empty cert":        {[]byte{}, nil, []string{"tls.crt", "empty"}},
		"empty key":         {nil, []byte{}, []string{"tls.key", "empty"}},
		"half a cert":       {other.cert[:len(other.cert)/2], other.key, []string{"tls.crt", "no certificate"}},
		"half a key":        {other.cert, other.key[:len(other.key)/2], []string{"tls.key"}},
		"half a chain":      {append(slices.Clone(other.cert), a.pem()[:200]...), other.key, []string{"tls.crt", "part of one"}},
		"no PEM":            {[]byte("hello\n"), nil, []string{"tls.crt", "no certificate"}},
		"key in the cert":   {other.key, other.key, []string{"tls.crt", "no certificate"}},
		"cert in the key":   {other.cert, other.cert, []string{"tls.key"}},
		"broken DER":        {asPEM("CERTIFICATE", []byte("hello")), nil, []string{"tls.crt", "certificate 1 cannot be read"}},
		"expired":           {expired.cert, expired.key, []string{"tls.crt", "has expired"}},
		"not valid yet":     {early.cert, early.key, []string{"tls.crt", "not valid yet"}},
		"a file of 2 MiB":   {bytes.Repeat([]byte("x"), 2<<20), nil, []string{"tls.crt", "larger"}},
		"a folder, no file": {nil, nil, []string{"tls.crt", "cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			first := a.issue(nil)
			f := folder(t, first, nil)
			c, said := open(t, f)
			address := echo(t, c.Server())
			if bad.cert != nil {
				put(t, f.Cert, bad.cert)
			}
			if bad.key != nil {
				put(t, f.Key, bad.key)
			}
			if bad.cert == nil && bad.key == nil {
				fatal(t, os.Remove(f.Cert))
				fatal(t, os.Mkdir(f.Cert, 0o700))
			}
			for range 3 { // polls
				if err := c.reload(false); err == nil {
					t.Fatal("it was taken over")
				}
			}
			conn, _, err := greet(t, address, clientOf(a))
			fatal(t, err)
			if serial(conn) != first.use.Leaf.SerialNumber.Text(16) {
				t.Error("another certificate is shown")
			}
			for _, piece := range append(bad.names, `"level":"error"`, `"use":"listen"`) {
				if !strings.Contains(said.String(), piece) {
					t.Errorf("the log lacks %q: %s", piece, said)
				}
			}
			if s := c.Status(); s.Good || s.Refused != 1 || s.Applied != 0 {
				t.Errorf("the status is %+v", s)
			}
			if c.Reload() == nil || c.Status().Refused != 2 {
				t.Error("a reload that was asked for is not answered for")
			}
			os.Remove(f.Cert)
			put(t, f.Cert, first.cert)
			put(t, f.Key, first.key)
			if err := c.reload(false); err != nil || !c.Status().Good {
				t.Errorf("mended: %v, %+v", err, c.Status())
			}
		})
	}
}

// What cannot serve at all is refused at the start; a certificate that has
// expired is served, and said loudly, as is a key that everybody may read.
func TestOpenRefusesWhatCannotServe(t *testing.T) {
	a := newAuthority(t, "site")
	good, other := a.issue(nil), a.issue(nil)
	f := folder(t, good, []byte("nothing\n"))
	log := zap.NewNop()
	for _, files := range []Files{{Cert: f.Cert + "x", Key: f.Key}, {Cert: f.Cert, Key: f.Key + "x"}, {Cert: f.Key, Key: f.Key}, f} {
		if _, err := Open(Options{Use: "listen", Files: files, Logger: log, Now: time.Now}); err == nil {
			t.Errorf("%+v was opened", files)
		}
	}
	put(t, f.Key, other.key)
	f.CA = ""
	if _, err := Open(Options{Use: "listen", Files: f, Logger: log, Now: time.Now}); err == nil || strings.Contains(err.Error(), string(other.key)) {
		t.Errorf("somebody else's key: %v", err)
	}
	old := a.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	f = folder(t, old, nil)
	fatal(t, os.Chmod(f.Key, 0o644))
	_, said := open(t, f)
	for _, piece := range []string{`"level":"error"`, "has expired", "chmod 640"} {
		if !strings.Contains(said.String(), piece) {
			t.Errorf("the log lacks %q: %s", piece, said)
		}
	}
}

// An expired certificate gives way to any that can serve, even to one that has
// expired too: the operator knows.
func TestExpiredCertificateGivesWay(t *testing.T) {
	a := newAuthority(t, "site")
	expired := func(ago time.Duration) pair {
		return a.issue(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*day), time.Now().Add(-ago)
		})
	}
	f := folder(t, expired(time.Hour), nil)
	c, _ := open(t, f)
	for i, next := range []pair{expired(time.Minute), a.issue(nil)} {
		put(t, f.Cert, next.cert)
		put(t, f.Key, next.key)
		if err := c.Reload(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// Where a client CA is named, a certificate that it vouches for is proved, one
// that it does not, that has expired or is for servers only is refused, and no
// certificate is let in unless one is required.
func TestClientCertificates(t *testing.T) {
	site, clients, strangers := newAuthority(t, "site"), newAuthority(t, "clients"), newAuthority(t, "clients")
	known := clients.issue(nil)
	expired := clients.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	server := clients.issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	f := folder(t, site.issue(nil), clients.pem())
	for _, required := range []bool{false, true} {
		f.Required = required
		c, _ := open(t, f)
		if c.Status().CANotAfter != clients.cert.NotAfter {
			t.Errorf("the CA's end is %v", c.Status().CANotAfter)
		}
		address := echo(t, c.Server())
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for name, try := range map[string]struct {
				cert *tls.Certificate
				want string // the greeting; "" for a refusal
			}{
				"known": {&known.use, "false 1\n"}, "none": {nil, map[bool]string{false: "false 0\n"}[required]},
				"unknown CA": {ptr(strangers.issue(nil).use), ""}, "own CA": {ptr(site.issue(nil).use), ""},
				"expired": {&expired.use, ""}, "server": {&server.use, ""},
			} {
				config := clientOf(site)
				config.MinVersion, config.MaxVersion = version, version
				if try.cert != nil { // also where the server did not ask for its CA
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return try.cert, nil }
				}
				_, got, err := greet(t, address, config)
				if got != try.want || (err == nil) != (try.want != "") {
					t.Errorf("%s, required %t, %s: %q, %v", tls.VersionName(version), required, name, got, err)
				}
			}
		}
	}
}

func ptr[T any](v T) *T { return &v }

// A client whose CA is no longer trusted cannot come back on the session of
// before; and a session does save the handshake while nothing changes.
func TestSessionDoesNotOutliveItsCA(t *testing.T) {
	site, before, after := newAuthority(t, "site"), newAuthority(t, "before"), newAuthority(t, "after")
	known := before.issue(nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		f := folder(t, site.issue(nil), before.pem())
		c, _ := open(t, f)
		address := echo(t, c.Server())
		config := clientOf(site)
		config.MinVersion, config.MaxVersion = version, version
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &known.use, nil }
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		for i, want := range []string{"false 1\n", "true 1\n", "true 1\n"} {
			if i == 2 {
				c.turnTickets() // the key of before still opens
			}
			if _, got, err := greet(t, address, config); got != want || err != nil {
				t.Fatalf("%s, visit %d: %q, %v", tls.VersionName(version), i, got, err)
			}
		}
		put(t, f.CA, after.pem())
		fatal(t, c.Reload())
		if _, got, err := greet(t, address, config); err == nil {
			t.Errorf("%s: after the CA changed the client is greeted with %q", tls.VersionName(version), got)
		}
		config.GetClientCertificate = nil
		if _, got, err := greet(t, address, config); got != "false 0\n" {
			t.Errorf("%s: without a certificate, but with the session: %q, %v", tls.VersionName(version), got, err)
		}
	}
}

// A certificate that nobody renews is announced 30, 7 and 1 days before its end
// and when it has ended, once each; and no session ticket's key lasts for more
// than two days.
func TestEndIsAnnounced(t *testing.T) {
	a := newAuthority(t, "site")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		// The clock of synctest begins in the past.
		ends := func(d time.Duration) pair {
			return a.issue(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = start.Add(-90*day), start.Add(d) })
		}
		f := folder(t, ends(40*day), nil)
		c, said := open(t, f)
		c.poll = time.Hour
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { c.follow(ctx, nil, func() {}); close(ended) }()
		defer func() { cancel(); <-ended }()
		warned := func(d time.Duration, want int) {
			t.Helper()
			time.Sleep(time.Until(start.Add(d + 2*time.Hour))) // by the clock of synctest: nobody waits
			synctest.Wait()
			if n := strings.Count(said.String(), "ends soon") + strings.Count(said.String(), "has expired"); n != want {
				t.Errorf("after %v: %d words, want %d\n%s", d, n, want, said)
			}
		}
		warned(9*day, 0)
		before := c.ticketKeyOf()
		warned(10*day, 1)
		warned(32*day, 1)
		warned(33*day, 2)
		warned(39*day, 3)
		warned(41*day, 4)
		if c.ticketKeyOf() == before {
			t.Error("the key of session tickets is a month old")
		}
	})
}

// A change that the file system does not announce is found within a minute.
func TestFilesAreLookedAtEveryMinute(t *testing.T) {
	a := newAuthority(t, "site")
	synctest.Test(t, func(t *testing.T) {
		issue := func() pair {
			return a.issue(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(-day), time.Now().Add(90*day) })
		}
		f := folder(t, issue(), nil)
		c, _ := open(t, f)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { c.follow(ctx, nil, func() {}); close(ended) }()
		defer func() { cancel(); <-ended }()
		synctest.Wait() // its first look
		next := issue()
		put(t, f.Cert, next.cert)
		put(t, f.Key, next.key)
		time.Sleep(time.Minute + time.Second) // by the clock of synctest: nobody waits
		synctest.Wait()
		if s := c.Status(); s.Applied != 1 || !s.Good {
			t.Errorf("the new files were not found: %+v", s)
		}
	})
}

func (c *Certificates) ticketKeyOf() [32]byte {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.ticket
}

// A certificate of a day, renewed every few hours, is not announced as ending
// soon all its life.
func TestShortLivedCertificateIsNotAnnounced(t *testing.T) {
	a := newAuthority(t, "site")
	_, said := open(t, folder(t, a.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(day / 2) }), nil))
	if strings.Contains(said.String(), "ends soon") {
		t.Error(said)
	}
}

// Other files, from a reload of the configuration, are used and watched from
// then on.
func TestOtherFilesAreWatched(t *testing.T) {
	a := newAuthority(t, "site")
	c, _ := open(t, folder(t, a.issue(nil), nil))
	watch(t, c)
	f := folder(t, a.issue(nil), nil)
	m, err := Load(f, time.Now())
	fatal(t, err)
	c.Put(m)
	next := a.issue(nil)
	until(t, "the new folder is watched", func() bool { // it begins a moment after
		put(t, f.Cert, next.cert)
		put(t, f.Key, next.key)
		return c.Status().NotAfter.Equal(next.use.Leaf.NotAfter) && c.current.Load().pair.Leaf.Equal(next.use.Leaf)
	})
}

// As a client, certificates show the pair in force and the CAs of the other end,
// or neither.
func TestCertificatesServeAClient(t *testing.T) {
	a, clients := newAuthority(t, "site"), newAuthority(t, "clients")
	server, _ := open(t, folder(t, a.issue(nil), clients.pem()))
	own, _ := open(t, folder(t, clients.issue(nil), a.pem()))
	trusting, _ := open(t, Files{CA: own.current.Load().files.CA})
	for c, want := range map[*Certificates]string{own: "false 1\n", trusting: "false 0\n"} {
		_, got, err := greet(t, echo(t, server.Server()), &tls.Config{RootCAs: c.Pool(), ServerName: "a.test", GetClientCertificate: c.ClientPair})
		if got != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
