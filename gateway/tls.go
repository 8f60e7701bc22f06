package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// tlsFor is how we speak to an https target: certificate and name are verified,
// TLS 1.2 or later, HTTP/1.1 only. There is no way to switch verification off.
func tlsFor(host string, spec *TLSSpec) *tls.Config {
	c := &tls.Config{
		ServerName: host,
		RootCAs:    spec.Roots,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	}
	if spec.ServerName != "" {
		c.ServerName = spec.ServerName
	}
	if spec.Cert == nil {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(64)
		return c
	}
	// No sessions are kept here: a resumed one would show who we were, not who we
	// are, after our certificate was renewed.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if cert := spec.Cert(); cert != nil {
			return cert, nil
		}
		return nil, faultNoCert
	}
	return c
}

// secure puts TLS over the connection's socket. ctx bounds the handshake.
func (c *conn) secure(ctx context.Context, config *tls.Config) error {
	c.records = &records{Conn: c.socket}
	stream := tls.Client(c.records, config)
	if err := stream.HandshakeContext(ctx); err != nil {
		return err
	}
	if p := stream.ConnectionState().NegotiatedProtocol; p != "" && p != "http/1.1" {
		return faultHandshake
	}
	c.stream = stream
	return nil
}

// records sits between TLS and the socket and follows the framing of what is
// read: five bytes of record header, the last two of which are the length of
// what comes next. TLS reads ahead, so bytes of a second answer could wait
// inside it, unseen by a look at the socket; with the framing known, and what
// is whole pulled through, nothing can.
type records struct {
	net.Conn
	wrote  bool    // something was handed to the socket since the request began
	header [5]byte // of the record being read
	have   int     // bytes of the header so far
	left   int     // bytes of the record's body still to come
	one    [1]byte // room for read
}

// Read reads from the socket and follows the records in what came.
func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.follow(p[:n])
	return n, err
}

// Write writes to the socket and remembers that something went out.
func (r *records) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	if n > 0 {
		r.wrote = true
	}
	return n, err
}

func (r *records) follow(p []byte) {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			r.left -= n
			p = p[n:]
			continue
		}
		n := copy(r.header[r.have:], p)
		r.have += n
		p = p[n:]
		if r.have == len(r.header) {
			r.left = int(r.header[3])<<8 | int(r.header[4])
			r.have = 0
		}
	}
}

// inside is what TLS holds: part of a record, or a whole one, or nothing. A read
// whose deadline has passed takes nothing from the socket and only gives what
// TLS has already; all it may say is that the deadline passed.
func (r *records) inside(stream net.Conn) waiting {
	if r.have != 0 || r.left != 0 {
		return aWord
	}
	return r.read(stream, time.Unix(1, 0))
}

// hear reads what waits on the socket of a connection that is to be closed, to
// tell a word from a goodbye. The bytes are there, so it hardly waits.
func (r *records) hear(stream net.Conn) waiting {
	if r.read(stream, time.Now().Add(hearFor)) == aWord {
		return aWord
	}
	return anEnd
}

const hearFor = 2 * time.Millisecond

func (r *records) read(stream net.Conn, deadline time.Time) waiting {
	if err := stream.SetReadDeadline(deadline); err != nil {
		return anEnd
	}
	n, err := stream.Read(r.one[:])
	switch {
	case n > 0:
		return aWord
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nothing
	}
	return anEnd
}
