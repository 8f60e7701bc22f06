package listen

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
			if s.Applied != 3 || !s.Good || time.Until(s.NotAfter) > 90*day || time.Until(s.NotAfter) < 89*day {
				t.Errorf("the status is %+v\n%s", s, said)
			}
			if replace == nil && s.Refused > 0 { // a pair that is written in two steps may be seen between them
				t.Errorf("%d refused\n%s", s.Refused, said)
			}
		})
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

// A certificate of a day, renewed every few hours, is not announced as ending
// soon all its life.
func TestShortLivedCertificateIsNotAnnounced(t *testing.T) {
	a := newAuthority(t, "site")
	_, said := open(t, folder(t, a.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(day / 2) }), nil))
	if strings.Contains(said.String(), "ends soon") {
		t.Error(said)
	}
}
