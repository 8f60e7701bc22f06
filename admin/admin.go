package admin

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"tollgate/admin/webhook"
	"tollgate/policy"
	"tollgate/policy/token"
)

// How much of what is dangerous a caller gets in a minute.
const (
	failuresDefault = 20 // wrong keys from one source
	heldAnswers     = 20 // "another token has this number", for one merchant
	explanations    = 60 // for one admin key
	perMinute       = time.Minute
)

// How long what generate makes lives, when Options does not say.
const (
	opaqueDefault = time.Hour
	familyDefault = 90 * 24 * time.Hour
)

// Options is what an admin API is made of. Store, Minter, Explainer and
// Catalogue are required.
type Options struct {
	Store     Store
	Minter    Minter
	Explainer Explainer

	// Catalogue is the one in force; it is asked at each request and never nil.
	Catalogue func() *policy.Catalogue

	// BootstrapDigest is the SHA-256 of an admin key that is accepted without
	// the store, with the role admin. The zero digest: there is none.
	BootstrapDigest token.Digest

	// Listen is the address the listener is bound to, such as 127.0.0.1:9090.
	// On a loopback address only loopback names are accepted in Host.
	Listen string

	// Failures is how many wrong keys one source may send in Window; 0: 20 in
	// a minute.
	Failures int
	Window   time.Duration

	// Hasher is for the passwords of users; nil: none can be set, which is
	// answered 503.
	Hasher Hasher

	OpaqueTTL time.Duration // lifetime of an opaque access token that generate makes; 0: an hour
	FamilyTTL time.Duration // lifetime of its refresh family; 0: 90 days

	// Webhooks says which URLs may be set; the sender is given the same.
	// WebhookKey is the sender's key, of webhook.KeyLength bytes; nil: no
	// merchant is shown its webhook secret, which is answered 503.
	Webhooks   webhook.Rules
	WebhookKey []byte

	// NoClientCA says that the data listener asks nobody for a client
	// certificate, which is worth a warning about tokens that need one.
	NoClientCA bool

	// Ops are the listener's other handlers, by the mux pattern they are
	// mounted under: /healthz, /readyz, /metrics, /debug/pprof/.
	Ops map[string]http.Handler

	Logger *zap.Logger      // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // for request ids and passwords; nil: crypto/rand
}

func (o *Options) fill() error {
	switch {
	case o.Store == nil:
		return errors.New("admin: Options.Store is missing")
	case o.Minter == nil:
		return errors.New("admin: Options.Minter is missing")
	case o.Explainer == nil:
		return errors.New("admin: Options.Explainer is missing")
	case o.Catalogue == nil:
		return errors.New("admin: Options.Catalogue is missing")
	case len(o.WebhookKey) != 0 && len(o.WebhookKey) != webhook.KeyLength:
		return errors.New("admin: Options.WebhookKey must have 32 bytes")
	}
	if o.Failures <= 0 {
		o.Failures = failuresDefault
	}
	if o.Window <= 0 {
		o.Window = perMinute
	}
	if o.OpaqueTTL <= 0 {
		o.OpaqueTTL = opaqueDefault
	}
	if o.FamilyTTL <= 0 {
		o.FamilyTTL = familyDefault
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return nil
}

// New makes the handler of the admin listener: the API under /admin/v1, its
// OpenAPI document, and the handlers of Options.Ops. The server it is given to
// sets the time limits of connections.
func New(o Options) (http.Handler, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	strictCasing()
	mux := http.NewServeMux()
	s := newService(&o)
	s.api = humago.New(mux, apiConfig(s.problems))
	s.api.UseMiddleware(s.enter)
	s.register()
	s.readForms()
	if err := mountOpenAPI(mux, s.api.OpenAPI()); err != nil {
		return nil, err
	}
	for pattern, handler := range o.Ops {
		mux.Handle(pattern, handler)
	}
	return &door{
		mux:     mux,
		origins: http.NewCrossOriginProtection(),
		hosts:   hostCheckFor(o.Listen),
		logger:  o.Logger,
		now:     o.Now,
		random:  o.Rand,
	}, nil
}

// service is what the operations share.
type service struct {
	api       huma.API
	store     Store
	minter    Minter
	explainer Explainer
	catalogue func() *policy.Catalogue
	now       func() time.Time
	identity  identity
	held      *budget // answers that another token has a number, by merchant
	explains  *budget // explanations, by actor
	forms     forms
	rotations sync.Mutex // see succeed
	users     UserMaker
	opaqueTTL time.Duration
	familyTTL time.Duration
	webhooks  webhook.Rules
	noCA      bool // nobody is asked for a client certificate
	hookKey   []byte
}

func newService(o *Options) *service {
	return &service{
		store:     o.Store,
		minter:    o.Minter,
		explainer: o.Explainer,
		catalogue: o.Catalogue,
		now:       o.Now,
		identity: identity{
			keys:      o.Store,
			merchants: o.Store,
			bootstrap: o.BootstrapDigest,
			failures:  newBudget(o.Failures, o.Window, o.Now),
			now:       o.Now,
		},
		held:      newBudget(heldAnswers, perMinute, o.Now),
		explains:  newBudget(explanations, perMinute, o.Now),
		users:     UserMaker{Store: o.Store, Hasher: o.Hasher, Rand: o.Rand},
		opaqueTTL: o.OpaqueTTL,
		familyTTL: o.FamilyTTL,
		webhooks:  o.Webhooks,
		noCA:      o.NoClientCA,
		hookKey:   o.WebhookKey,
	}
}

// instant is now, as the store counts time.
func (s *service) instant() token.Instant { return token.At(s.now()) }
