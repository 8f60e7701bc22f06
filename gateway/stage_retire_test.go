package gateway

import (
	"io"
	"net"
	"testing"
)

// A retired stage is kept for as long as one connection is on it, so that a
// shutdown waits for that connection, and forgotten when the last has ended, so
// that reloads add up to nothing.
func TestRetiredStageIsKeptWhileOneConnectionIsOnIt(t *testing.T) {
	g := newWalker(t).gateway
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	go g.Serve(l)
	conn, err := net.Dial("tcp", l.Addr().String())
	fatal(t, err)
	defer conn.Close()
	io.WriteString(conn, "GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n")
	_, err = conn.Read(make([]byte, 1))
	fatal(t, err)

	g.serving.Lock()
	first := g.stage
	g.serving.Unlock()
	limits := g.current.Load().limits
	retired := func() (n int, has bool) {
		limits.MaxHeader++
		g.restage(limits)
		g.serving.Lock()
		defer g.serving.Unlock()
		for _, s := range g.retired {
			has = has || s == first
		}
		return len(g.retired), has
	}
	retired()
	// fasthttp counts one too few once its accept loop has ended.
	until(t, "the accept loop has ended", func() bool { return first.server.GetOpenConnectionsCount() == 0 })
	if _, has := retired(); !has {
		t.Fatal("the stage of an open connection was forgotten")
	}
	conn.Close()
	until(t, "stages without connections are forgotten", func() bool { n, has := retired(); return !has && n < 5 })
}
