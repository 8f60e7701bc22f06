//go:build linux

package listen_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"tollgate/gateway/listen"
)

// A client that connected a moment before the end is accepted, with what it has
// sent, and nobody connects any more.
func TestAQuietSocketKeepsWhoIsInItsQueue(t *testing.T) {
	l, err := listen.TCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var waiting []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("x"))
		waiting = append(waiting, c)
	}
	if err := l.(interface{ Quieten() error }).Quieten(); err != nil {
		t.Fatal(err)
	}
	if late, err := net.DialTimeout("tcp", l.Addr().String(), 50*time.Millisecond); err == nil {
		late.Close()
		t.Error("somebody connected to a quiet socket")
	}
	for range waiting {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var b [1]byte
		if _, err := c.Read(b[:]); err != nil || b[0] != 'x' {
			t.Errorf("read %q, %v", b, err)
		}
	}
	l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now())
	if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the empty queue gives %v", err)
	}
}
