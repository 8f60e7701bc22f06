package main

import (
	"crypto/tls"
	"net/http"
	"time"

	"tollgate/gateway/listen"
)

// speaking is a transport for one call, over TLS by config where the URL is
// https.
func speaking(config *tls.Config) *http.Transport {
	return &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: 5 * time.Second, DisableKeepAlives: true}
}

// trusting is how a command speaks TLS to a gateway: whose certificates it takes,
// and its own. Empty names are the system's authorities and no certificate.
func trusting(files listen.Files) (*tls.Config, error) {
	m, err := listen.Load(files, time.Now())
	if err != nil {
		return nil, err
	}
	return m.Client(), nil
}

var errHalfPair = usagef("--tls-cert and --tls-key come together: a certificate is of no use without its key")

// tls is how the admin API is spoken to.
func (r *remote) tls() (*tls.Config, error) {
	if (r.Cert == "") != (r.Pair == "") {
		return nil, errHalfPair
	}
	config, err := trusting(listen.Files{Cert: r.Cert, Key: r.Pair, CA: r.CA})
	if err != nil {
		return nil, usagef("%v", err)
	}
	return config, nil
}
