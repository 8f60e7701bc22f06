package cache

import "tollgate/policy/token"

// Find loads the principal of a digest and remembers it under s, which was
// taken before. load reads the primary copy of the store and is called once; or
// twice, when changes came in while it learnt whose credential it is. Then the
// second answer is the one to judge: it was read after the counters of its
// owners were. An error of load is returned as it is and never remembered.
func (c *Cache) Find(d *token.Digest, s token.Stamp, load func() (*token.Principal, error)) (*token.Principal, error) {
	p, err := load()
	if err != nil {
		return nil, err
	}
	if !c.Remember(d, s, p) {
		s = c.restamp(d, &entry{digest: *d, form: formPrincipal, live: p.Live, principal: p})
		if p, err = load(); err != nil {
			return nil, err
		}
		c.Remember(d, s, p)
	}
	return p, nil
}

// FindLive loads the live record of a token and remembers it as in Find. What
// it answers with the record is s joined with the record's own marks: whatever
// is derived from the record may be remembered under that.
func (c *Cache) FindLive(h token.Handle, s token.Stamp, load func() (*token.Live, error)) (*token.Live, token.Stamp, error) {
	live, err := load()
	if err != nil {
		return nil, s, err
	}
	d, own := liveDigest(h), s
	if !c.remember(&own, &entry{digest: d, form: formLive, live: live}) {
		own = c.restamp(nil, &entry{live: live})
		if live, err = load(); err != nil {
			return nil, s, err
		}
		if !c.remember(&own, &entry{digest: d, form: formLive, live: live}) {
			return live, s, nil // s does not cover it, so nothing is remembered under it
		}
	}
	return live, s.Join(own), nil
}

// FindClient is the live record and the client secrets of a client, recalled
// or else loaded as in Find.
func (c *Cache) FindClient(id string, s token.Stamp, load func() (*token.Live, []token.Credential, error)) (*token.Live, []token.Credential, error) {
	live, credentials, err := load()
	if err != nil {
		return nil, nil, err
	}
	d := clientDigest(id)
	if !c.remember(&s, &entry{digest: d, form: formClient, live: live, credentials: credentials}) {
		s = c.restamp(nil, &entry{live: live})
		if live, credentials, err = load(); err != nil {
			return nil, nil, err
		}
		c.remember(&s, &entry{digest: d, form: formClient, live: live, credentials: credentials})
	}
	return live, credentials, nil
}

// Remember keeps p for its digest under s, which was taken before p was loaded,
// and its live record with it. It reports false, and keeps nothing, when a
// change came in between that p may have missed. Keeping is best effort even
// then: a cache that is full may drop what it was given.
func (c *Cache) Remember(d *token.Digest, s token.Stamp, p *token.Principal) bool {
	if !c.remember(&s, &entry{digest: *d, form: formPrincipal, live: p.Live, principal: p}) {
		return false
	}
	if !derived(p.Kind) && p.Live.Handle != "" { // what is derived was built on the record; a user's has no handle
		c.remember(&s, &entry{digest: liveDigest(p.Live.Handle), form: formLive, live: p.Live})
	}
	return true
}

// remember completes s and sets the entry under it.
func (c *Cache) remember(s *token.Stamp, e *entry) bool {
	need := c.generations.need(e)
	if !c.generations.cover(s, &need) {
		c.tallies.uncovered.Add(1)
		return false
	}
	e.epoch, e.marks, e.marked = s.Epoch, s.Marks, s.Marked
	c.setting.RLock()
	defer c.setting.RUnlock()
	if c.closed.Load() {
		return true
	}
	if c.records.Set(key(&e.digest), e, e.cost()) {
		c.tallies.remembered.Add(1)
	} else {
		c.tallies.dropped.Add(1)
	}
	return true
}

// restamp is a new stamp that marks what e was built from, for a load to come.
func (c *Cache) restamp(d *token.Digest, e *entry) token.Stamp {
	s := c.Stamp(d)
	need := c.generations.need(e)
	for _, stripe := range need.stripes[:need.count] {
		c.generations.mark(&s, stripe)
	}
	return s
}
