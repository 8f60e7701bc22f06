package cache

import "tollgate/policy/token"

// Recall is the principal behind a digest, if it is remembered and nothing it
// was built from has changed since before it was loaded. ok says that it may be
// relied on at now.
//
// A principal that is answered without ok is one that is remembered rightly
// and has ended: its Standing says why. It spares the store a look-up for each
// use of a worn-out credential. A miss is nil and false.
func (c *Cache) Recall(d *token.Digest, now token.Instant) (p *token.Principal, ok bool) {
	e := c.recall(d, formPrincipal)
	if e == nil {
		return nil, false
	}
	return e.principal, !e.principal.EndsAt.Reached(now)
}

// RecallLive is the live record of a token, whichever credential it was loaded
// for, or nil. Unless s is nil the record's marks are joined to it, so that what
// is derived from the record may be remembered under s: they are the marks of
// the entry. The counters are not read again for it, since a change may have
// counted up after the entry was compared.
func (c *Cache) RecallLive(h token.Handle, s *token.Stamp) *token.Live {
	d := liveDigest(h)
	e := c.recall(&d, formLive)
	if e == nil {
		return nil
	}
	if s != nil {
		*s = s.Join(e.stamp(s))
	}
	return e.live
}

// RecallClient is the live record and the client secrets' digests of a client,
// or nil. Neither may be written to.
func (c *Cache) RecallClient(id string) (*token.Live, []token.Credential) {
	d := clientDigest(id)
	if e := c.recall(&d, formClient); e != nil {
		return e.live, e.credentials
	}
	return nil, nil
}

func (c *Cache) recall(d *token.Digest, want form) *entry {
	tally := c.tallies.of(d)
	if c.closed.Load() {
		return nil
	}
	e, found := c.records.Get(key(d))
	if !found || e == nil || e.form != want || e.digest != *d {
		tally.misses.Add(1)
		return nil
	}
	if !c.generations.holds(e) {
		tally.stale.Add(1)
		return nil
	}
	tally.hits.Add(1)
	return e
}
