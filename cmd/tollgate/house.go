package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/admin/webhook"
	"tollgate/cache"
	"tollgate/configs"
	"tollgate/gateway"
	"tollgate/gateway/auth"
	"tollgate/gateway/issue"
	"tollgate/gateway/listen"
	"tollgate/gateway/wire"
	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
	"tollgate/store/sqlite"
)

// lastUsedRoom is how many credentials one batch of last uses can hold.
const lastUsedRoom = 1 << 17

// house is the whole product, built bottom-up by openHouse: each part is made
// from those above it in this list, and closed before them.
type house struct {
	setup
	config   atomic.Pointer[configs.Config] // in force
	registry *prometheus.Registry
	metrics  *houseMetrics

	certificates map[string]*listen.Certificates // of the listeners that speak TLS
	renewal      certRenewal

	store    *store.Store
	minter   *issue.Minter
	cache    *cache.Cache
	keys     *auth.KeySet
	throttle *auth.Throttle
	uses     *auth.Uses
	revoked  *auth.Revoked
	hasher   *auth.Hasher
	opener   issue.Opener
	verifier *auth.Verifier
	desk     atomic.Pointer[desk]
	hooks    *webhook.Sender
	hookKey  []byte
	gateway  *gateway.Gateway

	suspicions chan gateway.Balancer // what watchBalancers has not looked at yet
	admin      atomic.Pointer[http.Handler]

	closers []func() error
}

// setup is what a house is given beside its configuration.
type setup struct {
	log        *zap.Logger
	level      zap.AtomicLevel // of log
	accessLog  io.Writer
	words      *calm         // what log writes to; nil: it waits for its sink
	drainDelay time.Duration // from the first unready answer to the closing of the listener
	sockets    sockets       // systemd's, until they are served
	notify     *listen.Notifier
}

// openHouse builds everything but the listeners. On an error nothing stays open.
func openHouse(ctx context.Context, cfg *configs.Config, with setup) (h *house, err error) {
	h = &house{setup: with, registry: prometheus.NewRegistry(), suspicions: make(chan gateway.Balancer, 4)}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	h.config.Store(cfg)
	h.metrics = newHouseMetrics(h.registry)
	h.metrics.tellUpstreamCerts(nil, cfg)
	for _, open := range []func(context.Context) error{
		h.openCertificates, h.openStore, h.openCache, h.openKeys, h.openAuth, h.openHooks, h.openGateway, h.openAdmin,
	} {
		if err := open(ctx); err != nil {
			return h, err
		}
	}
	h.metrics.watch(h)
	return h, nil
}

// onClose has f called by close, after everything that is registered later.
func (h *house) onClose(f func() error) { h.closers = append(h.closers, f) }

// close ends the parts in the reverse of the order they were opened in.
func (h *house) close() error {
	var all []error
	for _, f := range slices.Backward(h.closers) {
		all = append(all, f())
	}
	h.closers = nil
	return errors.Join(all...)
}

func (h *house) openStore(ctx context.Context) error {
	st, err := openStore(ctx, h.config.Load(), storeOptions{catalogue: h.catalogue, observe: h.metrics.observeStore})
	if err != nil {
		return err
	}
	h.store = st
	h.onClose(st.Close)
	master, err := openMasterKey(ctx, h.config.Load(), st)
	if err != nil {
		return err
	}
	h.minter = newMinter(master)
	h.opener = issue.Opener{Finder: st, Master: master, Now: time.Now}
	return nil
}

type storeOptions struct {
	catalogue func() *policy.Catalogue
	observe   func(string, time.Duration, error)
	schema    store.Schema
}

// openStore opens the configured database.
func openStore(ctx context.Context, cfg *configs.Config, o storeOptions) (*store.Store, error) {
	return sqlite.Open(ctx, store.Options{
		Path: cfg.Store.Path, Catalogue: o.catalogue, Observe: o.observe,
		UniqueWithin: cfg.Phones.UniqueWithin, Schema: o.schema,
	})
}

// openCache puts the cache beside the store: from here on no change is
// acknowledged before what was built from the old state has stopped counting.
func (h *house) openCache(ctx context.Context) (err error) {
	c, err := cache.New(cache.Options{MaxBytes: int64(h.config.Load().Cache.MaxBytes)})
	if err != nil {
		return err
	}
	h.cache = c
	h.onClose(c.Close)
	// Which JWTs are revoked is heard first: one that is looked at in between is
	// then refused, or not remembered.
	if h.revoked, err = auth.NewRevoked(ctx, h.store, time.Now); err != nil {
		return err
	}
	h.store.OnChange(h.revoked.Apply)
	h.store.OnChange(c.Forget)
	h.store.OnChange(h.metrics.applied)
	return nil
}

func (h *house) openKeys(ctx context.Context) error {
	keys, err := signingKeys(ctx, h.config.Load(), h.store, h.minter)
	if err != nil {
		return err
	}
	h.keys, err = auth.NewKeySet(h.cache.ForgetAll, keys...)
	return err
}

func (h *house) openAuth(context.Context) (err error) {
	cfg := h.config.Load()
	if h.throttle, err = auth.NewThrottle(cfg.AuthThrottle.Failures, cfg.AuthThrottle.Window); err != nil {
		return err
	}
	if h.uses, err = auth.NewUses(h.store.Touch, lastUsedRoom); err != nil {
		return err
	}
	h.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return h.uses.Flush(ctx)
	})
	if h.hasher, err = auth.NewHasher(0); err != nil {
		return err
	}
	h.verifier, err = auth.New(auth.Options{
		Memory: h.cache, Loader: h.store, Keys: h.keys, Issuer: cfg.Issuer(), Throttle: h.throttle, Uses: h.uses,
		Revoked: h.revoked, Marker: h.store, People: h.store, Hasher: h.hasher,
		Signatures: &auth.Signatures{Secrets: h.opener, Clients: h, Replay: h.store},
	})
	if err != nil {
		return err
	}
	d, err := h.newDesk(cfg)
	h.desk.Store(d)
	return err
}

func (h *house) openGateway(context.Context) (err error) {
	cfg := h.config.Load()
	h.gateway, err = gateway.New(gateway.Options{
		Verifier: h.verifier, Examiner: h.verifier, Dialects: dialects(), Problem: wire.Problem{}, Whoami: wire.Whoami{}, Quotas: h.store,
		Catalogue: h.catalogue, AccessLog: h.accessLog, Logger: h.log, Registerer: h.registry, Now: time.Now, Rand: rand.Reader, Stale: h.stale,
		Balancer: h.suspect,
	})
	if err != nil {
		return err
	}
	h.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return h.gateway.FlushQuotas(ctx)
	})
	plan, err := h.plan(cfg, h.keys.Publishes())
	if err != nil {
		return err
	}
	return h.gateway.Apply(plan)
}

// plan is what the gateway does under a configuration. published says whether
// there is a public key to point clients to.
func (h *house) plan(cfg *configs.Config, published bool) (gateway.Plan, error) {
	plan, err := planOf(cfg, cfg.Catalogue, h.endpoints(cfg, published))
	plan.Limits.DrainDelay = h.drainDelay
	return plan, err
}

func limitsOf(cfg *configs.Config) *gateway.Limits {
	return &gateway.Limits{
		MaxHeader: int(cfg.Limits.MaxHeader), MaxBody: int(cfg.Limits.MaxBody),
		ReadHeaderTimeout: cfg.Limits.ReadHeaderTimeout, ReadBodyTimeout: cfg.Limits.ReadBodyTimeout,
		WriteTimeout: cfg.Limits.WriteTimeout, IdleTimeout: cfg.Limits.IdleTimeout,
		MaxConns: cfg.Limits.MaxConns, MaxConnsPerIP: cfg.Limits.MaxConnsPerIP,
		BodyMemory: int64(cfg.Limits.BodyMemory), MaxRequestsPerConn: orAny(cfg.Limits.MaxRequestsPerConn),
	}
}

// orAny is a limit that is any number where the configuration says 0.
func orAny(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// stale reports that the change log has not been confirmed for so long that no
// remembered record may be judged by: then every verdict is 503.
func (h *house) stale() bool { return h.staleness() > h.config.Load().Cache.MaxStaleness }

// staleness is how long ago the change log was last read to its end.
func (h *house) staleness() time.Duration { return time.Since(h.store.Confirmed()) }

// catalogue is the one in force.
func (h *house) catalogue() *policy.Catalogue { return h.config.Load().Catalogue }

func (h *house) openAdmin(context.Context) error {
	handler, err := h.newAdmin(h.config.Load())
	h.admin.Store(&handler)
	return err
}

func (h *house) newAdmin(cfg *configs.Config) (http.Handler, error) {
	var bootstrap token.Digest
	if cfg.Admin.BootstrapKey.Given() {
		bootstrap = token.DigestOf(cfg.Admin.BootstrapKey.Reveal())
	}
	return admin.New(admin.Options{
		Store: h.store, Minter: adminMinter{h.minter}, Explainer: h.explain, Catalogue: h.catalogue,
		BootstrapDigest: bootstrap, Listen: cfg.Admin.Listen,
		Failures: cfg.AuthThrottle.Failures, Window: cfg.AuthThrottle.Window,
		Hasher: h.hasher, OpaqueTTL: cfg.Tokens.OpaqueTTL, FamilyTTL: cfg.Tokens.Refresh.Absolute,
		Webhooks: webhookRules(cfg), WebhookKey: h.hookKey, NoClientCA: cfg.TLS.ClientCA == "",
		Ops: h.ops(cfg.Admin.Pprof), Logger: h.log, Now: time.Now, Rand: rand.Reader,
	})
}

// ServeHTTP answers on the admin listener by the configuration in force.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*h.admin.Load()).ServeHTTP(w, r) }
