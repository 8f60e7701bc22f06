package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
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
