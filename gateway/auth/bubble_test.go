package auth_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/cache"
	"tollgate/gateway/auth"
	"tollgate/policy/token"
)

// slow is a store that takes its time: it answers when it is told to, or gives
// up with the caller. SQLite does not live in a synctest bubble.
type slow struct {
	live   *token.Live
	answer chan struct{}
	loads  atomic.Int64
}

func (s *slow) wait(ctx context.Context) error {
	s.loads.Add(1)
	select {
	case <-s.answer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) LoadCredential(ctx context.Context, k token.Kind, _ *token.Digest) (*token.Principal, error) {
	return &token.Principal{Live: s.live, Kind: k, Generation: 1}, s.wait(ctx)
}

func (s *slow) LoadToken(ctx context.Context, _ token.Handle) (*token.Live, error) {
	return s.live, s.wait(ctx)
}

// bubble is a verifier over a slow store, inside a synctest bubble.
func bubble(t *testing.T) (*auth.Verifier, *slow, *cache.Cache) {
	c, err := cache.New(cache.Options{MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	keys, err := auth.NewKeySet(c.ForgetAll, hmacKey)
	if err != nil {
		t.Fatal(err)
	}
	throttle, err := auth.NewThrottle(failures, window)
	if err != nil {
		t.Fatal(err)
	}
	s := &slow{answer: make(chan struct{}), live: &token.Live{
		Handle: "tok_0123456789ab", Merchant: "mer_0123456789ab", Environment: token.EnvLive, Enabled: true, MerchantActive: true,
		Generations: []token.Generation{{Number: 1}},
	}}
	v, err := auth.New(auth.Options{Memory: c, Loader: s, Keys: keys, Issuer: issuer, Throttle: throttle})
	if err != nil {
		t.Fatal(err)
	}
	return v, s, c
}

// bubbleSecrets are a key and two JWTs of the token in the bubble.
func bubbleSecrets() (key []byte, jwts [2][]byte) {
	key = token.Compose(token.KindKey, token.EnvLive, append([]byte("0123456789ab"), bytes.Repeat([]byte("z"), 28)...))
	for i := range jwts {
		jwts[i] = forge(hmacKey, hsHeader, `{"iss":"`+issuer+`","sub":"tok_0123456789ab","companyId":"mer_0123456789ab",`+
			`"env":"live","iat":1,"exp":9999999999,"jti":"1.number`+string(rune('0'+i))+`"}`)
	}
	return key, jwts
}

// Any number of first uses of one key at once are one load, and so are first
// uses of any number of JWTs of one token.
func TestOneLoadForOneDigest(t *testing.T) {
	key, jwts := bubbleSecrets()
	for name, secrets := range map[string][][]byte{"a key": {key}, "a JWT": {jwts[0]}, "two JWTs of a token": jwts[:]} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, s, _ := bubble(t)
				src := sourceOf("203.0.113.7")
				var all sync.WaitGroup
				for i := range 60 {
					all.Go(func() {
						if _, reason := v.Verify(presented(secrets[i%len(secrets)]), &src, time.Now()); reason != token.Allowed {
							t.Errorf("reason %v", reason)
						}
					})
				}
				synctest.Wait() // one load waits for the store, and 59 for it
				if n := s.loads.Load(); n != 1 {
					t.Errorf("60 uses at once are %d loads", n)
				}
				close(s.answer)
				all.Wait()
				if n := s.loads.Load(); n != 1 {
					t.Errorf("60 uses at once became %d loads", n)
				}
			})
		})
	}
}

// After a change, who comes does not join who came before it: each state of
// changes has a load of its own.
func TestOneLoadForOneGeneration(t *testing.T) {
	key, _ := bubbleSecrets()
	synctest.Test(t, func(t *testing.T) {
		v, s, c := bubble(t)
		src := sourceOf("203.0.113.7")
		var all sync.WaitGroup
		for generation := range 3 {
			for range 10 {
				all.Go(func() { v.Verify(presented(key), &src, time.Now()) })
			}
			synctest.Wait()
			if n := s.loads.Load(); n != int64(generation+1) {
				t.Errorf("%d loads in %d states of changes", n, generation+1)
			}
			c.Forget(token.Change{Entity: token.Entity{Kind: token.EntityToken, ID: "tok_0123456789ab"}})
		}
		close(s.answer)
		all.Wait()
	})
}

// A store that does not answer is given up after one second, and that is no
// verdict.
func TestAStoreThatHangs(t *testing.T) {
	key, jwts := bubbleSecrets()
	synctest.Test(t, func(t *testing.T) {
		v, _, _ := bubble(t)
		src := sourceOf("203.0.113.7")
		for _, secret := range [][]byte{key, jwts[0]} {
			began := time.Now()
			if _, reason := v.Verify(presented(secret), &src, began); reason != token.CannotDecide {
				t.Errorf("reason %v", reason)
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("given up after %v", took)
			}
		}
	})
}

// unsure is a memory that knows a principal and does not vouch for it.
type unsure struct {
	*cache.Cache
	principal *token.Principal
}

func (u *unsure) Recall(*token.Digest, token.Instant) (*token.Principal, bool) {
	return u.principal, false
}

// What memory does not vouch for is refused, whatever its own fields say.
func TestAMemoryThatDoesNotVouch(t *testing.T) {
	r := newRig(t)
	m := r.add()
	u := &unsure{r.cache, r.want(m.key, token.Allowed)}
	var err error
	r.verifier, err = auth.New(auth.Options{Memory: u, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle})
	r.ok(err)
	r.want(m.key, token.TokenExpired)
}

// Options that would leave a door open are refused.
func TestNewRefuses(t *testing.T) {
	r := newRig(t)
	good := auth.Options{Memory: r.cache, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle}
	for name, spoil := range map[string]func(*auth.Options){
		"memory": func(o *auth.Options) { o.Memory = nil }, "loader": func(o *auth.Options) { o.Loader = nil },
		"keys": func(o *auth.Options) { o.Keys = nil }, "issuer": func(o *auth.Options) { o.Issuer = "" },
		"throttle": func(o *auth.Options) { o.Throttle = nil },
	} {
		o := good
		spoil(&o)
		if _, err := auth.New(o); err == nil {
			t.Errorf("a verifier without its %s is built", name)
		}
	}
}
