package listen

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Files are the files of one end's identity, in PEM.
type Files struct {
	Cert, Key string // certificate, with its intermediates behind it, and its key; both or neither
	CA        string // who signs the other end's certificates; "": nobody is asked for one
	Required  bool   // as a server: a client without a certificate is not let in
}

// maxFile bounds each of the files, in bytes.
const maxFile = 1 << 20

// Material is what Files held when they were read. It is immutable.
type Material struct {
	files  Files
	sum    [sha256.Size]byte // of what the files held
	pair   *tls.Certificate  // nil: no Cert
	pool   *x509.CertPool    // nil: no CA
	from   time.Time         // when the chain's first certificate begins
	until  time.Time         // when the chain's first certificate ends
	caEnds time.Time         // when the next of the CAs ends, or the last one ended
	open   bool              // others than its owner and group may read the key
	server *tls.Config
	ticket [32]byte // key of the first sessions under it
}

// Load reads the files and refuses what cannot serve: what cannot be read, is no
// certificate, or is no pair. Whether it is the time for it is asked later.
func Load(f Files, now time.Time) (*Material, error) {
	m := &Material{files: f}
	sum := sha256.New()
	if f.Cert != "" {
		if err := m.loadPair(sum); err != nil {
			return nil, err
		}
	}
	if f.CA != "" {
		if err := m.loadCA(sum, now); err != nil {
			return nil, err
		}
	}
	sum.Sum(m.sum[:0])
	if m.pair == nil {
		return m, nil
	}
	m.server = &tls.Config{
		Certificates: []tls.Certificate{*m.pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}
	if m.pool != nil {
		m.server.ClientCAs, m.server.ClientAuth = m.pool, tls.VerifyClientCertIfGiven
		if f.Required {
			m.server.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	// Left to itself, a config that a GetConfigForClient gives shares the ticket
	// keys of the one that asked it: a session from before would outlive the CA
	// that vouched for its client.
	m.ticket = ticketKey()
	m.server.SetSessionTicketKeys([][32]byte{m.ticket})
	return m, nil
}

func ticketKey() (key [32]byte) {
	rand.Read(key[:]) //nolint:errcheck // it never fails: the process ends instead
	return key
}

func (m *Material) loadPair(sum io.Writer) error {
	certs, err := readPEM(m.files.Cert, sum)
	if err != nil {
		return err
	}
	chain, err := certificates(m.files.Cert, certs)
	if err != nil {
		return err
	}
	key, err := readPEM(m.files.Key, sum)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certs, key)
	if err != nil {
		return fmt.Errorf("%s is no key for the first certificate of %s: %w", m.files.Key, m.files.Cert, err)
	}
	// The first certificate alone counts: behind it there may well be a cross-signed
	// root that has ended, which clients who know a newer one never look at. To
	// refuse a renewed pair for it would leave the old one to run out.
	m.pair, m.from, m.until = &pair, chain[0].NotBefore, chain[0].NotAfter
	info, err := os.Stat(m.files.Key)
	m.open = err == nil && info.Mode().Perm()&0o007 != 0
	return nil
}

func (m *Material) loadCA(sum io.Writer, now time.Time) error {
	data, err := readPEM(m.files.CA, sum)
	if err != nil {
		return err
	}
	authorities, err := certificates(m.files.CA, data)
	if err != nil {
		return err
	}
	m.pool = x509.NewCertPool()
	for _, c := range authorities {
		m.pool.AddCert(c)
		ends, ended := c.NotAfter, m.caEnds.Before(now)
		if ended && ends.After(m.caEnds) || !ended && ends.After(now) && ends.Before(m.caEnds) {
			m.caEnds = ends
		}
	}
	return nil
}

// readPEM reads a file, and into sum as well.
func readPEM(path string, sum io.Writer) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fileError(path, err)
	}
	switch {
	case len(data) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	case len(data) > maxFile:
		return nil, fmt.Errorf("%s is larger than 1MiB: is it the right file?", path)
	}
	fmt.Fprintf(sum, "%d ", len(data))
	sum.Write(data)
	return data, nil
}

func fileError(path string, err error) error {
	var inner *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such file", path)
	case errors.As(err, &inner):
		err = inner.Err
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

// certificates are the certificates in PEM text, of which there must be one.
// A block that cannot be decoded, which the decoder would pass over, is part of
// one.
func certificates(path string, data []byte) (list []*x509.Certificate, err error) {
	missing := bytes.Count(data, []byte("-----BEGIN "))
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		missing--
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d cannot be read: %w", path, len(list)+1, err)
		}
		list = append(list, c)
	}
	if len(list) == 0 || missing > 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM, or part of one", path)
	}
	return list, nil
}

// Standing says why the pair does not stand at a time; nil when it does.
func (m *Material) Standing(now time.Time) error {
	switch {
	case m.pair == nil:
		return nil
	case now.After(m.until):
		return fmt.Errorf("%s has expired: it was good until %s", m.files.Cert, m.until.UTC().Format(time.RFC3339))
	case now.Before(m.from):
		return fmt.Errorf("%s is not valid yet: it is from %s", m.files.Cert, m.from.UTC().Format(time.RFC3339))
	}
	return nil
}

// Shows reports whether a certificate is the one of the pair.
func (m *Material) Shows(c *x509.Certificate) bool { return m.pair != nil && m.pair.Leaf.Equal(c) }

// Client is how to speak to a server by the material: its certificate has to
// come from the CA, or from one that the system trusts where there is none, and
// it is shown the pair where there is one.
func (m *Material) Client() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: m.pool}
	if m.pair != nil {
		config.Certificates = []tls.Certificate{*m.pair}
	}
	return config
}
