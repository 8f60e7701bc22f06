package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/valyala/fasthttp"
)

// stage is one fasthttp server and the limits it was made with. A server reads
// its limits from plain fields on every connection, so other limits are another
// server: new connections go there, and those of the old one end where they
// began, which costs no client its request. It is a listener itself, of the
// connections that it is handed.
type stage struct {
	server *fasthttp.Server
	limits Limits
	conns  chan net.Conn
	ended  chan struct{} // closed: no more connections
	end    sync.Once
}

// Accept waits for the next connection that is handed over.
func (s *stage) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.ended:
		return nil, io.EOF
	}
}

// Close makes Accept give io.EOF; connections live on. It may be called again.
func (s *stage) Close() error {
	s.end.Do(func() { close(s.ended) })
	return nil
}

// Addr is nobody's: fasthttp does not ask for it.
func (s *stage) Addr() net.Addr { return &net.TCPAddr{} }

// newStage makes a server that serves what it is handed from now on.
func (g *Gateway) newStage(limits Limits) *stage {
	s := &stage{server: g.newServer(limits), limits: limits, conns: make(chan net.Conn), ended: make(chan struct{})}
	go s.server.Serve(s) //nolint:errcheck // Accept gives io.EOF, which it takes for a good end
	return s
}

// restage puts other limits in force for connections that are yet to come.
func (g *Gateway) restage(limits Limits) {
	g.serving.Lock()
	defer g.serving.Unlock()
	for _, guarded := range g.guards {
		guarded.bound(limits)
	}
	// The server counts one too few once it accepts no more: 0 is one connection.
	g.retired = slices.DeleteFunc(g.retired, func(s *stage) bool { return s.server.GetOpenConnectionsCount() < 0 })
	if g.stage == nil || g.stage.limits == limits || g.draining.Load() {
		return
	}
	old := g.stage
	g.stage = g.newStage(limits)
	g.retired = append(g.retired, old)
	old.Close()
}

// hand gives an accepted connection to the stage of the day, which may be
// replaced at that very moment.
func (g *Gateway) hand(c net.Conn) {
	for {
		g.serving.Lock()
		s := g.stage
		g.serving.Unlock()
		select {
		case s.conns <- c:
			return
		case <-s.ended:
		}
		if g.draining.Load() {
			c.Close()
			return
		}
	}
}

// endStages closes the listeners, lets requests under way finish and closes
// idle connections. When ctx ends first it cuts what is left.
func (g *Gateway) endStages(ctx context.Context) error {
	g.serving.Lock()
	g.over = true
	guards, stages := slices.Clone(g.guards), slices.Clone(g.retired)
	if g.stage != nil {
		stages = append(stages, g.stage)
	}
	g.serving.Unlock()
	var all []error
	for _, guarded := range guards {
		all = append(all, guarded.close())
	}
	ends := make(chan error, len(stages))
	for _, s := range stages {
		s.Close() // also where its server has not begun to serve yet
		go func() { ends <- s.server.ShutdownWithContext(ctx) }()
	}
	var cut error
	for range stages {
		if err := <-ends; err != nil {
			cut = err
		}
	}
	if cut != nil {
		for _, guarded := range guards {
			guarded.closeAll()
		}
	}
	return errors.Join(append(all, cut)...)
}
