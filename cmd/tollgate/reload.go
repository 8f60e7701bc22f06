package main

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/configs"
	"tollgate/gateway"
	"tollgate/gateway/auth"
	"tollgate/gateway/listen"
	"tollgate/policy"
	"tollgate/policy/token"
)

// reload puts a new configuration in force: all of it is read, checked and
// built first, then swapped. On any problem the old one stays, whole. What
// cannot be changed while running is reported and left as it is.
func (h *house) reload(ctx context.Context, load func() (*configs.Config, []configs.Problem)) bool {
	h.notify.Reloading()
	defer func() { h.notify.Ready(h.serves()) }()
	h.reloadCertificates()
	cfg, problems := load()
	for _, p := range problems {
		h.log.Error("the configuration is not reloaded", zap.String("problem", p.String()))
	}
	ok := len(problems) == 0
	if ok {
		if err := h.apply(ctx, cfg); err != nil {
			h.log.Error("the configuration is not reloaded", zap.Error(err))
			ok = false
		}
	}
	if ok {
		h.log.Info("the configuration is reloaded")
	}
	h.gateway.CountReload(ok)
	return ok
}

func (h *house) apply(ctx context.Context, cfg *configs.Config) error {
	h.keepFixed(h.config.Load(), cfg)
	n, err := h.prepare(ctx, cfg)
	if err != nil {
		return err
	}
	if err := h.gateway.Apply(n.plan); err != nil { // the last that can fail, and then nothing has changed
		return err
	}
	h.adopt(n)
	return nil
}

// successor is what was built for a new configuration. A nil part did not
// change and stays as it is, with what it has counted and remembered.
type successor struct {
	config *configs.Config
	level  zapcore.Level
	plan   gateway.Plan
	desk   *desk
	keys   []token.SigningKey
	admin  http.Handler
	certs  map[string]*listen.Material
}

// keysTime bounds the look for stored signing keys.
const keysTime = 5 * time.Second

// prepare builds and checks everything and changes nothing.
func (h *house) prepare(ctx context.Context, cfg *configs.Config) (n *successor, err error) {
	old := h.config.Load()
	n = &successor{config: cfg}
	if n.certs, err = prepareCertificates(old, cfg); err != nil {
		return nil, err
	}
	if n.level, err = zapcore.ParseLevel(cfg.Log.Level); err != nil {
		return nil, err
	}
	published := h.keys.Publishes()
	if !sameKeys(old.Tokens.SigningKeys, cfg.Tokens.SigningKeys) {
		ctx, cancel := context.WithTimeout(ctx, keysTime)
		defer cancel()
		if n.keys, err = signingKeys(ctx, cfg, h.store, h.minter); err != nil {
			return nil, err
		}
		trial, err := auth.NewKeySet(nil, n.keys...)
		if err != nil {
			return nil, err
		}
		published = trial.Publishes()
	}
	if err := refuseEnded(old, cfg, time.Now()); err != nil {
		return nil, err
	}
	if _, err := auth.NewThrottle(cfg.AuthThrottle.Failures, cfg.AuthThrottle.Window); err != nil {
		return nil, err
	}
	if n.desk, err = h.newDesk(cfg); err != nil {
		return nil, err
	}
	if adminDiffers(old, cfg) {
		if n.admin, err = h.newAdmin(cfg); err != nil {
			return nil, err
		}
	}
	n.plan, err = h.plan(cfg, published)
	return n, err
}

// adminDiffers reports whether the admin side was told something else by old. A
// new one has forgotten its failed attempts.
func adminDiffers(old, cfg *configs.Config) bool {
	return old.AuthThrottle != cfg.AuthThrottle || old.Admin.Pprof != cfg.Admin.Pprof ||
		old.Tokens.OpaqueTTL != cfg.Tokens.OpaqueTTL || old.Tokens.Refresh.Absolute != cfg.Tokens.Refresh.Absolute ||
		(old.TLS.ClientCA == "") != (cfg.TLS.ClientCA == "") ||
		!old.Admin.BootstrapKey.Equal(cfg.Admin.BootstrapKey)
}

// adopt puts a successor in force. Nothing here can fail: what could was tried
// by prepare.
func (h *house) adopt(n *successor) {
	old := h.config.Swap(n.config)
	h.metrics.tellUpstreamCerts(old, n.config)
	h.level.SetLevel(n.level)
	var all []error
	for use, material := range n.certs {
		h.certificates[use].Put(material)
	}
	// Who signs comes before who verifies: a JWT of the old issuer that is
	// minted now would be dead before it is sent.
	h.desk.Store(n.desk)
	if n.keys != nil {
		all = append(all, h.keys.Swap(n.keys...))
	}
	if old.Issuer() != n.config.Issuer() {
		h.verifier.Expect(n.config.Issuer())
	}
	if old.AuthThrottle != n.config.AuthThrottle {
		all = append(all, h.throttle.Change(n.config.AuthThrottle.Failures, n.config.AuthThrottle.Window))
	}
	if old.Cache.MaxBytes != n.config.Cache.MaxBytes {
		all = append(all, h.cache.Resize(int64(n.config.Cache.MaxBytes)))
	}
	if n.admin != nil {
		h.admin.Store(&n.admin)
	}
	if !sameCatalogue(old.Catalogue, n.config.Catalogue) {
		h.cache.ForgetAll() // records are compiled against the catalogue
	}
	if err := errors.Join(all...); err != nil {
		panic("BUG: a configuration that was checked cannot be put in force: " + err.Error())
	}
}

func sameKeys(a, b []configs.SigningKey) bool {
	return slices.EqualFunc(a, b, func(a, b configs.SigningKey) bool {
		return a.ID == b.ID && a.Alg == b.Alg && a.Secret.Equal(b.Secret)
	})
}

func sameCatalogue(a, b *policy.Catalogue) bool {
	return slices.Equal(a.Methods(), b.Methods()) && reflect.DeepEqual(a.Countries(), b.Countries())
}

// fixed are the keys that a running process cannot change: its sockets, its
// database and the key to it, the index that the database was opened with, and
// what happens at the start only.
var fixed = []struct {
	key string
	at  func(*configs.Config) any // a pointer to the value
}{
	{"listen", func(c *configs.Config) any { return &c.Listen }},
	{"proxy_protocol", func(c *configs.Config) any { return &c.ProxyProtocol }},
	{"admin.listen", func(c *configs.Config) any { return &c.Admin.Listen }},
	{"store", func(c *configs.Config) any { return &c.Store }},
	{"master_key_file", func(c *configs.Config) any { return &c.MasterKeyFile }},
	{"phones.unique_within", func(c *configs.Config) any { return &c.Phones.UniqueWithin }},
	{"webhooks", func(c *configs.Config) any { return &c.Webhooks }},
	{"cache.warm", func(c *configs.Config) any { return &c.Cache.Warm }},
}

// keepFixed carries the fixed keys over into cfg and reports those that differ.
func (h *house) keepFixed(old, cfg *configs.Config) {
	h.keepTLS(old, cfg)
	for _, f := range fixed {
		was, is := reflect.ValueOf(f.at(old)).Elem(), reflect.ValueOf(f.at(cfg)).Elem()
		if !reflect.DeepEqual(was.Interface(), is.Interface()) {
			h.warnFixed(f.key)
			is.Set(was)
		}
	}
}

func (h *house) warnFixed(key string) {
	h.log.Warn("a key cannot be changed while running and stays as it was; restart to change it", zap.String("key", key))
}
