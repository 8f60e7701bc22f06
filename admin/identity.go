package admin

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"tollgate/policy/token"
)

// identity tells who calls. It asks the store for every admin key at every
// request, and for a merchant's key its merchant, so that an ended key and that
// of a suspended merchant are refused by the very next one.
type identity struct {
	keys      KeyFinder
	merchants MerchantFinder
	bootstrap token.Digest // the zero digest: none
	failures  *budget      // by source
	known     knownDigests
	now       func() time.Time
}

// identify fills in the visit's actor, role and merchant from the request's
// Authorization header, or says why it cannot.
func (i *identity) identify(ctx context.Context, v *visit, h http.Header) error {
	secret, err := bearer(h)
	if err != nil {
		return err
	}
	digest := token.DigestOf(secret)
	if i.isBootstrap(digest) {
		v.actor = token.Actor{Kind: "bootstrap", ID: "bootstrap"}
		v.role = token.RoleAdmin
		return nil
	}
	// The throttle stands in for the look-up. A key that was good before is
	// looked up all the same: a flood of wrong keys from behind the same
	// address must not lock the right one out.
	if over, wait := i.failures.exhausted(v.source()); over && !i.known.has(digest) {
		return refuse(http.StatusTooManyRequests, codeThrottled,
			"Too many wrong keys came from this address; wait and try again.").retryIn(wait)
	}
	if s, ok := token.Parse(secret); !ok || s.Kind != token.KindAdmin {
		i.failures.count(v.source())
		return unknownKey()
	}
	key, err := i.keys.FindAdminKeyByDigest(ctx, &digest)
	if errors.Is(err, token.ErrNotFound) {
		// A key that was ended is no guess; some script has not heard of it yet.
		if !i.known.has(digest) {
			i.failures.count(v.source())
		}
		return unknownKey()
	}
	if err != nil {
		return storeFault(err)
	}
	return i.admit(ctx, v, &key, &digest)
}

func (i *identity) isBootstrap(d token.Digest) bool {
	return i.bootstrap != token.Digest{} && subtle.ConstantTimeCompare(d[:], i.bootstrap[:]) == 1
}

// touchEvery is how exact the last use of an admin key is.
const touchEvery = time.Minute

func (i *identity) admit(ctx context.Context, v *visit, key *token.AdminKey, d *token.Digest) error {
	role, ok := token.ParseRole(string(key.Role))
	switch {
	case subtle.ConstantTimeCompare(d[:], key.Digest[:]) != 1, key.EndedAt != 0, !ok,
		role == token.RoleMerchant && key.Merchant == "":
		return unknownKey()
	}
	i.known.add(*d)
	if role == token.RoleMerchant {
		if err := i.stands(ctx, key.Merchant); err != nil {
			return err
		}
	}
	if now := token.At(i.now()); now >= key.LastUsedAt.Add(touchEvery) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		// It is for people to look at; a request does not fail for it.
		_ = i.keys.TouchAdminKey(ctx, key.ID, now)
	}
	v.actor = token.Actor{Kind: "admin_key", ID: key.ID}
	v.role = role
	v.merchant = key.Merchant
	return nil
}

// stands refuses the key of a suspended merchant: whoever was locked out of the
// payments may not go on making tokens, reading phone numbers or moving webhooks
// for the day that the lock is taken off.
func (i *identity) stands(ctx context.Context, merchant string) error {
	m, err := i.merchants.FindMerchant(ctx, merchant)
	switch {
	case errors.Is(err, token.ErrNotFound):
		return unknownKey()
	case err != nil:
		return storeFault(err)
	case !m.Active:
		return refuse(http.StatusForbidden, codeSuspended, "The merchant of this key is suspended; its operators can say why.")
	}
	return nil
}

func unknownKey() *problem {
	return refuse(http.StatusUnauthorized, codeUnknownKey,
		"The key is not an admin key of this installation, or it was ended.").
		with("WWW-Authenticate", `Bearer realm="tollgate", error="invalid_token"`)
}

// bearer reads the one Bearer credential of a request: one header, the scheme
// in any case, exactly one space, no space after.
func bearer(h http.Header) ([]byte, error) {
	values := h.Values("Authorization")
	if len(values) > 1 {
		return nil, refuse(http.StatusBadRequest, codeAmbiguous, "Send one Authorization header, not several.")
	}
	if len(values) == 1 {
		scheme, secret, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "Bearer") && secret != "" && !strings.ContainsAny(secret, " \t,") {
			return []byte(secret), nil
		}
	}
	return nil, refuse(http.StatusUnauthorized, codeMissing,
		"Send an admin key as Authorization: Bearer tga_….").
		with("WWW-Authenticate", `Bearer realm="tollgate"`)
}

// knownDigests remembers keys that were good, to spare them the throttle. It
// admits nobody: what it knows is looked up like anything else.
type knownDigests struct {
	mu  sync.Mutex
	set map[token.Digest]struct{}
}

const knownMax = 4096

func (k *knownDigests) has(d token.Digest) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.set[d]
	return ok
}

func (k *knownDigests) add(d token.Digest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.set[d]; ok {
		return
	}
	if k.set == nil || len(k.set) >= knownMax {
		k.set = map[token.Digest]struct{}{}
	}
	k.set[d] = struct{}{}
}
