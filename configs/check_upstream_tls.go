package configs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"strings"
)

// readUpstreamTLS fetches an upstream's certificates and our key.
func (r *reader) readUpstreamTLS(key string, t *UpstreamTLS) {
	if t.CA != "" {
		t.CAText = r.pemFile(below(key, "ca"), t.CA)
	}
	if t.Cert != "" {
		t.CertText = r.pemFile(below(key, "cert"), t.Cert)
	}
	if t.Key != "" {
		t.KeyText = r.secretFile(below(key, "key"), t.Key)
	}
}

// pemFile is the text of a file that is no secret.
func (r *reader) pemFile(key string, path File) string {
	data, err := readBounded(string(path))
	if err != nil {
		r.fail(key, "%s: %v", quote(string(path)), err)
	}
	return string(data)
}

func (r *reader) checkUpstreamTLS(key string, u *Upstream) {
	t := &u.TLS
	if t.CA == "" && t.Cert == "" && t.Key == "" && t.ServerName == "" {
		return
	}
	for _, target := range u.Targets {
		if badTarget(target) == "" && !strings.HasPrefix(target, "https://") {
			r.fail(key, "the target %s is not spoken to over TLS; write https:// there, or take this out", target)
		}
	}
	if t.CA != "" {
		r.checkAuthorities(below(key, "ca"), t.CAText)
	}
	r.checkPair(key, t.Cert, t.Key, pairText{t.CertText, t.KeyText})
	if addr, err := netip.ParseAddr(t.ServerName); t.ServerName != "" && !hostName(t.ServerName) && (err != nil || addr.Zone() != "") {
		r.fail(below(key, "server_name"), "%s is no host name; write the one in the target's certificate, such as api.example.com", quote(t.ServerName))
	}
}

// checkAuthorities takes nothing but certificates, each of which can be read: a
// pool that passes over what it cannot read would trust less than was meant, and
// nobody would know why.
func (r *reader) checkAuthorities(key, text string) {
	n := 0
	for rest := []byte(text); ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			r.fail(key, "it holds a %s; leave only the certificates of the authorities in it", quote(block.Type))
			return
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			r.fail(key, "certificate %d in it cannot be read; take it out, or make it anew", n+1)
			return
		}
	}
	if n == 0 {
		r.fail(key, "there is no certificate in it; it must be PEM text that begins with -----BEGIN CERTIFICATE-----")
	} else if n < strings.Count(text, "-----BEGIN ") {
		r.fail(key, "part of it cannot be read as PEM; make it anew from the certificates of the authorities")
	}
}

// pairText is what the files of a certificate and its key hold.
type pairText struct {
	cert string
	key  Secret
}

// checkPair wants both files or neither, and in them a pair. It never quotes an
// error: that could come with a part of the key.
func (r *reader) checkPair(key string, cert, keyFile File, held pairText) {
	switch {
	case cert == "" && keyFile == "":
		return
	case cert == "":
		r.fail(below(key, "key"), "there is no certificate for it; write cert beside it, or take it out")
		return
	case keyFile == "":
		r.fail(below(key, "cert"), "there is no key for it; write key beside it, or take it out")
		return
	}
	if r.isBroken(below(key, "cert")) || r.isBroken(below(key, "key")) {
		return
	}
	block, _ := pem.Decode([]byte(held.cert))
	if block == nil || block.Type != "CERTIFICATE" {
		r.fail(below(key, "cert"), "there is no certificate in it; it must be PEM text that begins with -----BEGIN CERTIFICATE-----")
		return
	}
	if _, err := tls.X509KeyPair([]byte(held.cert), held.key.Reveal()); err != nil {
		r.fail(below(key, "key"), "it is not the key of the certificate in cert; both must be PEM text and belong together")
	}
}
