package listen

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager is the socket of a service manager, and what it hears.
func manager(t *testing.T, name string) (heard func() string) {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	fatal(t, err)
	t.Cleanup(func() { l.Close() })
	return func() string {
		t.Helper()
		fatal(t, l.SetReadDeadline(time.Now().Add(10*time.Second)))
		var room [512]byte
		n, err := l.Read(room[:])
		fatal(t, err)
		return string(room[:n])
	}
}

// A service manager hears when the process serves, reloads and stops, on a
// socket file or an abstract one, and its watchdog is fed in time.
func TestServiceManagerIsTold(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@tollgate-test-" + strconv.Itoa(os.Getpid())} {
		heard := manager(t, name)
		n := NewNotifier([]string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=20000", "WATCHDOG_PID=" + strconv.Itoa(os.Getpid())})
		n.Ready("serving 127.0.0.1:1")
		if got := heard(); got != "READY=1\nSTATUS=serving 127.0.0.1:1" {
			t.Errorf("heard %q", got)
		}
		n.Reloading()
		_, at, _ := strings.Cut(heard(), "RELOADING=1\nMONOTONIC_USEC=")
		at, _, _ = strings.Cut(at, "\n")
		if us, err := strconv.ParseInt(at, 10, 64); err != nil || us <= 0 || us > monotonicMicros() {
			t.Errorf("reloading at %q", at)
		}
		n.Stopping()
		if got := heard(); !strings.HasPrefix(got, "STOPPING=1\n") {
			t.Errorf("heard %q", got)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { n.Beat(ctx); close(ended) }()
		for range 3 {
			if got := heard(); got != "WATCHDOG=1" {
				t.Errorf("heard %q", got)
			}
		}
		cancel()
		<-ended
	}
}

// Without a service manager, with one that has gone, and with a watchdog that is
// another process's, nothing happens and nothing blocks.
func TestNobodyToTell(t *testing.T) {
	for _, environ := range [][]string{nil, {"NOTIFY_SOCKET="}, {"NOTIFY_SOCKET=relative"}, {"NOTIFY_SOCKET=/nowhere/at/all"}, {"NOTIFY_SOCKET=/nowhere/at/all", "WATCHDOG_USEC=1000", "WATCHDOG_PID=1"}} {
		n := NewNotifier(environ)
		n.Ready("")
		n.Reloading()
		n.Stopping()
		n.Beat(context.Background()) // returns
	}
}

// Variables that are meant for another process, as a child's of a service are,
// take no descriptor; those that make no sense are an error.
func TestInheritedVariablesAreChecked(t *testing.T) {
	own := "LISTEN_PID=" + strconv.Itoa(os.Getpid())
	for _, environ := range [][]string{nil, {"LISTEN_FDS=2"}, {"LISTEN_PID=1", "LISTEN_FDS=2"}, {own, "LISTEN_FDS=0"}} {
		if got, err := Inherited(environ, "listen", "admin"); len(got) > 0 || err != nil {
			t.Errorf("%v: %v, %v", environ, got, err)
		}
	}
	for _, environ := range [][]string{{own}, {own, "LISTEN_FDS=x"}, {own, "LISTEN_FDS=-1"}, {own, "LISTEN_FDS=100000"}} {
		if _, err := Inherited(environ, "listen", "admin"); err == nil {
			t.Errorf("%v is fine", environ)
		}
	}
}
