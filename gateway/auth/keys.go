package auth

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"tollgate/policy/token"
)

// leastSecret is the shortest HS256 key in bytes (RFC 7518 §3.2).
const leastSecret = 32

// KeySet holds the keys that JWTs are signed with. The first signs, all verify,
// so that keys rotate with overlap. It is safe for concurrent use.
type KeySet struct {
	ring    atomic.Pointer[ring]
	changed func()
	swaps   sync.Mutex
}

// ring is one state of a key set, immutable.
type ring struct {
	first token.SigningKey
	keys  map[string]*verifying // by id
	jwks  []byte
}

// NewKeySet checks the keys. changed is called after each Swap, before it
// returns, and must make every JWT that was verified before be verified anew:
// it bumps the cache's epoch. nil: nothing is remembered.
func NewKeySet(changed func(), keys ...token.SigningKey) (*KeySet, error) {
	r, err := newRing(keys)
	if err != nil {
		return nil, err
	}
	if changed == nil {
		changed = func() {}
	}
	s := &KeySet{changed: changed}
	s.ring.Store(r)
	return s, nil
}

// Swap puts other keys in force, all at once, or returns an error and leaves
// the set as it is. A key that is gone has stopped verifying when Swap returns,
// also for JWTs that were seen before.
func (s *KeySet) Swap(keys ...token.SigningKey) error {
	r, err := newRing(keys)
	if err != nil {
		return err
	}
	s.swaps.Lock()
	defer s.swaps.Unlock()
	s.ring.Store(r) // before changed: what is verified after the bump is verified by these
	s.changed()
	return nil
}

// Signing is the key that signs now.
func (s *KeySet) Signing() token.SigningKey { return s.ring.Load().first }

// JWKS is the JSON document of RFC 7517 with the public half of every EdDSA
// key, ordered as the keys are; an HS256 key has no public half and is not in
// it. It must not be written to.
func (s *KeySet) JWKS() []byte { return s.ring.Load().jwks }

// Publishes reports whether there is a public key to publish.
func (s *KeySet) Publishes() bool {
	for _, k := range s.ring.Load().keys {
		if k.alg == token.EdDSA {
			return true
		}
	}
	return false
}

// jwk is a public key of RFC 8037.
type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	Point string `json:"x"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
	ID    string `json:"kid"`
}

func newRing(keys []token.SigningKey) (*ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("auth: a key set needs at least one signing key")
	}
	r := &ring{first: keys[0], keys: make(map[string]*verifying, len(keys))}
	public := []jwk{}
	for _, k := range keys {
		if err := checkKey(k); err != nil {
			return nil, err
		}
		if _, twice := r.keys[k.ID]; twice {
			return nil, fmt.Errorf("auth: two signing keys are called %q; give each an id of its own", k.ID)
		}
		verifier := &verifying{alg: k.Alg, secret: k.Secret}
		r.keys[k.ID] = verifier
		if k.Alg == token.EdDSA {
			verifier.public = k.Ed.Public().(ed25519.PublicKey)
			x := spelling.EncodeToString(verifier.public)
			public = append(public, jwk{Type: "OKP", Curve: "Ed25519", Point: x, Use: "sig", Alg: string(token.EdDSA), ID: k.ID})
		}
	}
	document, err := json.Marshal(struct {
		Keys []jwk `json:"keys"`
	}{public})
	if err != nil {
		return nil, fmt.Errorf("auth: the public keys cannot be written: %w", err)
	}
	r.jwks = document
	return r, nil
}

// checkKey refuses a key that could not sign, or signs too weakly. Its errors
// name the key by its id and say nothing of what is in it.
func checkKey(k token.SigningKey) error {
	if !keyID(k.ID) {
		return fmt.Errorf("auth: the signing key id %q is not 1 to 64 of A-Z a-z 0-9 _ -", k.ID)
	}
	switch k.Alg {
	case token.HS256:
		if len(k.Secret) < leastSecret || len(k.Ed) != 0 {
			return fmt.Errorf("auth: signing key %s is HS256 and needs a secret of at least %d random bytes, and nothing else", k.ID, leastSecret)
		}
	case token.EdDSA:
		if len(k.Ed) != ed25519.PrivateKeySize || len(k.Secret) != 0 {
			return fmt.Errorf("auth: signing key %s is EdDSA and needs an Ed25519 private key, and nothing else", k.ID)
		}
	default:
		return fmt.Errorf("auth: signing key %s wants the algorithm %q; HS256 and EdDSA are the ones there are", k.ID, k.Alg)
	}
	return nil
}

// keyID reports whether id is a kid of ours.
func keyID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		if !base64URL(id[i]) {
			return false
		}
	}
	return true
}
