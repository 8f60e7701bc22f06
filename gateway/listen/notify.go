package listen

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier tells a service manager how this process is (sd_notify(3)). The nil
// Notifier tells nobody.
type Notifier struct {
	socket   *net.UnixAddr
	watchdog time.Duration // within which it wants to hear of us; 0: it does not
}

// NewNotifier is for whoever environ names (NOTIFY_SOCKET, WATCHDOG_USEC); nil
// where it names nobody.
func NewNotifier(environ []string) *Notifier {
	v := variables(environ)
	path := v["NOTIFY_SOCKET"]
	if path == "" || path[0] != '/' && path[0] != '@' {
		return nil
	}
	n := &Notifier{socket: &net.UnixAddr{Name: path, Net: "unixgram"}}
	if us, err := strconv.ParseInt(v["WATCHDOG_USEC"], 10, 64); err == nil && us > 0 && (v["WATCHDOG_PID"] == "" || v["WATCHDOG_PID"] == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(us) * time.Microsecond
	}
	return n
}

// Ready says that the process serves, in words for whoever asks for its status.
func (n *Notifier) Ready(status string) { n.tell("READY=1", "STATUS="+status) }

// Reloading says that the configuration is being read again; Ready ends it.
func (n *Notifier) Reloading() {
	n.tell("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(monotonicMicros(), 10), "STATUS=reloading")
}

// Stopping says that the process drains and ends.
func (n *Notifier) Stopping() { n.tell("STOPPING=1", "STATUS=draining") }

// Beat tells that the process is alive, twice in the time that is allowed, until
// ctx ends; at once where nobody wants to hear.
func (n *Notifier) Beat(ctx context.Context) {
	if n == nil || n.watchdog == 0 {
		return
	}
	tick := time.NewTicker(max(n.watchdog/2, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.tell("WATCHDOG=1")
		}
	}
}

// tell sends lines. A service manager that does not listen is not worth a fault:
// it acts on its silence itself.
func (n *Notifier) tell(lines ...string) {
	if n == nil {
		return
	}
	c, err := net.DialUnix("unixgram", nil, n.socket)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte(strings.Join(lines, "\n")))
}
