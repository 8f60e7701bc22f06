package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"tollgate/configs"
	"tollgate/gateway/listen"
)

// healthcheckCommand is `tollgate healthcheck`.
type healthcheckCommand struct {
	URL    string        `help:"What to ask." default:"http://127.0.0.1:9090/readyz" env:"TOLLGATE_HEALTHCHECK_URL" placeholder:"URL"`
	CA     string        `help:"PEM file of who may sign the certificate of an https URL; default: whom the system trusts." name:"ca" env:"TOLLGATE_HEALTHCHECK_CA" placeholder:"FILE"`
	Config string        `help:"Ask the admin listener of this configuration instead of a URL, over TLS where it speaks that; then its own certificate is what is expected." short:"c" placeholder:"FILE"`
	Cert   string        `help:"PEM file of a client certificate, for an admin listener that asks for one." name:"tls-cert" env:"TOLLGATE_HEALTHCHECK_CERT" placeholder:"FILE"`
	Pair   string        `help:"PEM file of its key." name:"tls-key" env:"TOLLGATE_HEALTHCHECK_KEY" placeholder:"FILE"`
	Wait   time.Duration `help:"How long to go on asking until it is ready." placeholder:"30s"`
}

// Run exits 0 when the gateway answers that it is ready.
func (c *healthcheckCommand) Run(io *stdio) error {
	if u, err := url.Parse(c.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return usagef("--url %q is no URL; give one such as http://127.0.0.1:9090/readyz", withoutUser(c.URL))
	}
	config, err := c.settle(io)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Wait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.ask(config)
		if err == nil {
			fmt.Fprintln(io.out, "ready")
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// settle finds out whom to ask and whom to believe, and what to show them.
func (c *healthcheckCommand) settle(io *stdio) (*tls.Config, error) {
	if (c.Cert == "") != (c.Pair == "") {
		return nil, errHalfPair
	}
	config, err := trusting(listen.Files{Cert: c.Cert, Key: c.Pair, CA: c.CA})
	if err != nil {
		return nil, usagef("%v", err)
	}
	if c.Config == "" {
		return config, nil
	}
	cfg, err := loadConfig(c.Config, io)
	if err != nil {
		return nil, err
	}
	if cfg.Admin.TLS.ClientAuth == "required" && c.Cert == "" {
		return nil, usagef("the admin listener lets nobody in without a client certificate; name one with --tls-cert and --tls-key")
	}
	c.URL = adminURL(cfg) + "/readyz"
	expected, err := expecting(certFiles(&cfg.Admin.TLS))
	if expected != nil {
		expected.Certificates = config.Certificates
	}
	return expected, err
}

// adminURL is where this machine finds its own admin listener.
func adminURL(cfg *configs.Config) string {
	scheme, at := "http://", cfg.Admin.Listen
	if cfg.Admin.TLS.On() {
		scheme = "https://"
	}
	if host, port, err := net.SplitHostPort(at); err == nil {
		if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
			at = net.JoinHostPort("localhost", port)
		}
	}
	return scheme + at
}

var errNotOurs = errors.New("it shows another certificate than the one that is configured")

// expecting speaks to whoever shows the very certificate that is in a file and
// has its key, by whatever name it was reached and whoever signed it. An end of
// that certificate is for metrics to tell: a restart would mend nothing.
func expecting(files listen.Files) (*tls.Config, error) {
	if files.Cert == "" {
		return nil, nil
	}
	m, err := listen.Load(listen.Files{Cert: files.Cert, Key: files.Key}, time.Now())
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection is stricter: it takes one certificate, not all of an authority
		VerifyConnection: func(s tls.ConnectionState) error {
			if !m.Shows(s.PeerCertificates[0]) {
				return errNotOurs
			}
			return nil
		},
	}, nil
}

func (c *healthcheckCommand) ask(config *tls.Config) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: speaking(config)}
	resp, err := client.Get(c.URL)
	if err != nil {
		return fmt.Errorf("not ready: %s: %w", withoutUser(c.URL), cause(err))
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answered %d", withoutUser(c.URL), resp.StatusCode)
	}
	return nil
}
