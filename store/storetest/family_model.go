package storetest

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

// RunFamilyModel plays random lives of refresh families on a store and on a
// model, and compares after each act which access tokens stand, which families
// live, and what every renewal came to.
func RunFamilyModel(t *testing.T, engine Engine) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHouse(sub{t, r}, engine)
		defer h.Close()
		m := &familyModel{h: h, generation: 1, token: h.clientToken().Handle, other: h.clientToken().Handle}
		r.Repeat(map[string]func(*rapid.T){
			"":             m.compare,
			"begin":        m.begin,
			"renew":        m.renew,
			"renew again":  m.renew,
			"steal":        m.steal,
			"use":          m.use,
			"wait":         m.wait,
			"end family":   m.endFamily,
			"end access":   m.endAccess,
			"preauthorise": m.preauthorise,
			"rotate":       m.rotate,
			"generate":     m.generate,
		})
	})
}

// modelFamily is what the model knows of a family: its pairs in the order they
// were made, of which only the last can be alive.
type modelFamily struct {
	id            string
	ended         bool
	preauthorised bool
	lastUsed      token.Instant
	endsAt        token.Instant
	pairs         []*modelPair
}

type modelPair struct {
	token.Pair
	of         *modelFamily
	follows    *modelPair
	generation int
	ended      bool // by a renewal
	used       bool
	spentAt    token.Instant
}

type familyModel struct {
	h            *house
	token, other token.Handle
	generation   int
	families     []*modelFamily // oldest first
	pairs        []*modelPair
}

func (f *modelFamily) lives(now token.Instant) bool { return !f.ended && now < f.endsAt }

func (m *familyModel) stands(p *modelPair, now token.Instant) bool {
	return p.of.lives(now) && !p.ended && now < p.AccessEndsAt && p.generation == m.generation
}

func (m *familyModel) compare(*rapid.T) {
	now := m.h.clock.instant()
	var families []string
	for _, f := range m.families {
		if f.lives(now) {
			families = append(families, f.id)
		}
	}
	l, err := m.h.LoadToken(ctx, m.token)
	m.h.ok(err)
	if !slices.Equal(l.Families, families) {
		m.h.t.Fatalf("families %v, want %v", l.Families, families)
	}
	for i, p := range m.pairs {
		a, err := m.h.LoadCredential(ctx, token.KindAccess, &p.Access)
		m.h.ok(err)
		want := m.stands(p, now)
		if got := a.Standing(now) == token.Allowed; got != want || want && a.Preauthorised != p.of.preauthorised {
			m.h.t.Fatalf("access token %d of family %s stands: %v (%v), want %v", i, p.of.id, got, a.Standing(now), want)
		}
		r, err := m.h.LoadCredential(ctx, token.KindRefresh, &p.Refresh)
		m.h.ok(err)
		if got, want := r.Standing(now) == token.Allowed, p.of.lives(now) && !p.ended; got != want {
			m.h.t.Fatalf("refresh token %d of family %s stands: %v, want %v", i, p.of.id, got, want)
		}
	}
}

// enter notes a new family with its first pair, and ends the oldest when there
// are too many.
func (m *familyModel) enter(f token.Family, p token.Pair) {
	now := m.h.clock.instant()
	var living []*modelFamily
	for _, one := range m.families {
		if one.lives(now) {
			living = append(living, one)
		}
	}
	for ; len(living) >= token.MaxFamilies; living = living[1:] {
		living[0].ended = true
	}
	made := &modelFamily{id: f.ID, lastUsed: f.LastUsedAt, endsAt: f.EndsAt, preauthorised: f.Preauthorised}
	m.families = append(m.families, made)
	m.add(made, nil, p)
}

func (m *familyModel) add(f *modelFamily, follows *modelPair, p token.Pair) {
	made := &modelPair{Pair: p, of: f, follows: follows, generation: m.generation}
	made.AccessEndsAt = min(made.AccessEndsAt, f.endsAt)
	f.pairs = append(f.pairs, made)
	m.pairs = append(m.pairs, made)
}

func (m *familyModel) begin(r *rapid.T) {
	p := m.h.pair()
	p.Preauthorised = rapid.Bool().Draw(r, "preauthorised")
	f, err := m.h.BeginFamily(ctx, act(""), token.Family{
		Token: m.token, Generation: m.generation, EndsAt: m.h.clock.instant().Add(90 * day),
	}, p)
	m.h.ok(err)
	m.enter(f, p)
}

// pick draws one of the pairs, the newest ones more often.
func (m *familyModel) pick(r *rapid.T) *modelPair {
	if len(m.pairs) == 0 {
		r.Skip("there is no pair")
	}
	from := 0
	if rapid.Bool().Draw(r, "new") {
		from = max(0, len(m.pairs)-3)
	}
	return m.pairs[rapid.IntRange(from, len(m.pairs)-1).Draw(r, "pair")]
}

func (m *familyModel) renew(r *rapid.T) {
	p := m.pick(r)
	renewal := m.h.renewal(p.Refresh)
	renewal.Generation = m.generation
	now := m.h.clock.instant()
	want := m.judge(p, now)
	f, got, err := m.h.Renew(ctx, act(""), m.token, true, renewal)
	m.h.ok(err)
	if got != want || f.ID != p.of.id {
		m.h.t.Fatalf("the renewal in %s is %v in %s, want %v", p.of.id, got, f.ID, want)
	}
	switch got {
	case token.Renewed, token.Retried:
		last := p.of.pairs[len(p.of.pairs)-1]
		last.ended = true
		if got == token.Renewed {
			p.spentAt = f.LastUsedAt
		}
		p.of.lastUsed = f.LastUsedAt
		m.add(p.of, p, renewal.Next)
	default:
		p.of.ended = p.of.ended || p.of.lives(now)
	}
}

// judge is the rule, as spec/dialects.md has it.
func (m *familyModel) judge(p *modelPair, now token.Instant) token.RenewalResult {
	last := p.of.pairs[len(p.of.pairs)-1]
	switch {
	case !p.of.lives(now) || p.of.lastUsed.Add(idle) <= now:
		return token.RenewalEnded
	case p == last:
		return token.Renewed
	case last.follows == p && !last.used && now < p.spentAt.Add(grace):
		return token.Retried
	}
	return token.RenewalReused
}

// steal presents a refresh token without the client's secret, or as another
// client, or under an ended secret: nothing may come of it.
func (m *familyModel) steal(r *rapid.T) {
	p := m.pick(r)
	renewal := m.h.renewal(p.Refresh)
	renewal.Generation = m.generation
	handle, right := m.token, true
	switch rapid.IntRange(0, 2).Draw(r, "how") {
	case 0:
		right = false
	case 1:
		handle, renewal.Generation = m.other, 1
	case 2:
		renewal.Generation = m.generation - 1
	}
	before := m.h.traces()
	if f, got, err := m.h.Renew(ctx, act(""), handle, right, renewal); err != nil || got != token.RenewalUnknown || f.ID != "" {
		m.h.t.Fatalf("stolen: %v, %+v, %v", got, f, err)
	}
	if m.h.traces() != before {
		m.h.t.Fatalf("a thief left a trace")
	}
}

func (m *familyModel) use(r *rapid.T) {
	p := m.pick(r)
	m.h.ok(m.h.MarkAccessUsed(ctx, p.Access))
	p.used = true
}

// The steps add up to none of the limits, so that a microsecond decides nothing.
func (m *familyModel) wait(r *rapid.T) {
	m.h.clock.advance(rapid.SampledFrom([]time.Duration{4 * time.Second, 13 * time.Minute, 11 * day}).Draw(r, "step"))
}

func (m *familyModel) endFamily(r *rapid.T) {
	p := m.pick(r)
	h := m.h
	h.ok(second(h.EndFamily(ctx, act(""), m.token, p.of.id)))
	p.of.ended = true
}

func (m *familyModel) endAccess(r *rapid.T) {
	p := m.pick(r)
	m.h.ok(m.h.EndAccess(ctx, act(""), m.token, p.Access))
	p.AccessEndsAt = min(p.AccessEndsAt, m.h.clock.instant())
}

func (m *familyModel) preauthorise(r *rapid.T) {
	p := m.pick(r)
	stands := m.stands(p, m.h.clock.instant())
	_, err := m.h.Preauthorise(ctx, act(""), m.token, p.Access)
	if (err == nil) != stands || err != nil && err != token.ErrNotFound {
		m.h.t.Fatalf("preauthorising: %v, want it done: %v", err, stands)
	}
	if stands && !p.of.preauthorised {
		p.of.preauthorised, p.of.lastUsed = true, m.h.clock.instant()
	}
}

func (m *familyModel) rotate(*rapid.T) {
	h := m.h
	h.ok(second(h.RotateCredential(ctx, act(""), m.token, h.client(), 0)))
	m.generation++
}

func (m *familyModel) generate(*rapid.T) {
	p := m.h.pair()
	r, f, err := m.h.Generate(ctx, act(""), m.token, m.h.client(), "", token.Family{EndsAt: m.h.clock.instant().Add(90 * day)}, p)
	m.h.ok(err)
	m.generation = r.Credential.Generation
	for _, one := range m.families {
		one.ended = true
	}
	m.enter(f, p)
}
