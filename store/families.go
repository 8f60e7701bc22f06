package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"tollgate/policy/token"
)

const familyColumns = `id, token, generation, preauthorised, created_at, last_used_at, ends_at, ended_at`

// scanFamily reads familyColumns after the columns of lead.
func scanFamily(r scanner, f *token.Family, lead ...any) error {
	return r.Scan(append(lead, &f.ID, &f.Token, &f.Generation, &f.Preauthorised,
		&f.CreatedAt, &f.LastUsedAt, &f.EndsAt, &f.EndedAt)...)
}

// BeginFamily begins a refresh family of a token with its first pair. Its ID may
// be empty: the store mints one. Generation is the client secret that was
// presented for it; token.ErrStale when that is not accepted any longer. EndsAt
// is the family's absolute end. Either of f and p makes it preauthorised.
//
// A token has at most token.MaxFamilies live families; one more ends the oldest.
func (s *Store) BeginFamily(ctx context.Context, act token.Act, f token.Family, p token.Pair) (token.Family, error) {
	if err := checkFamily(&f, &p); err != nil {
		return token.Family{}, err
	}
	err := s.write(ctx, "begin_family", act, func(w *writing) error {
		t, err := w.alive(f.Token)
		if err != nil {
			return err
		}
		if !accepts(&t, f.Generation, w.now) {
			return token.ErrStale
		}
		added, err := w.change(token.EntityToken, string(t.Handle), true)
		if err != nil {
			return err
		}
		ended, err := w.crowdOut(t.Handle)
		if err != nil {
			return err
		}
		if err := w.beginFamily(&f, &p, added); err != nil {
			return err
		}
		after := tellFamily(&f)
		if len(ended) > 0 {
			after["ended"] = ended
		}
		return w.record(entry{action: w.named("family.begin"), target: tokenTarget(t.Handle), merchant: t.Merchant, after: after})
	})
	return kept(f, err)
}

// accepts reports whether a client secret of the generation is good at now.
func accepts(t *token.Token, generation int, now token.Instant) bool {
	for i := range t.Credentials {
		if c := &t.Credentials[i]; c.Kind == token.KindClient && c.Generation == generation {
			return !c.EndsAt.Reached(now)
		}
	}
	return false
}

// crowdOut ends the oldest live families of a token, so that there is room for
// one more, and gives their ids.
func (w *writing) crowdOut(h token.Handle) ([]string, error) {
	list, err := w.liveFamilies(h)
	if err != nil || len(list) < token.MaxFamilies {
		return nil, err
	}
	list = list[:len(list)-token.MaxFamilies+1]
	for _, id := range list {
		if err := w.endFamily(id); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// liveFamilies are the ids of a token's families that live, oldest first.
func (w *writing) liveFamilies(h token.Handle) ([]string, error) {
	rows, err := w.tx.QueryContext(w.ctx, `SELECT id FROM families WHERE token = $1 AND ended_at = 0 AND ends_at > $2 ORDER BY added`,
		string(h), int64(w.now))
	return collect(rows, err, func(r *sql.Rows, id *string) error { return r.Scan(id) })
}

// beginFamily writes a family and its first pair.
func (w *writing) beginFamily(f *token.Family, p *token.Pair, added int64) (err error) {
	if f.ID == "" {
		if f.ID, err = mintID(w.store.opt.Rand, "fam_"); err != nil {
			return err
		}
	}
	f.Preauthorised = f.Preauthorised || p.Preauthorised
	f.CreatedAt, f.LastUsedAt, f.EndedAt = w.now, w.now, 0
	err = w.exec(`INSERT INTO families (id, token, generation, preauthorised, added, created_at, last_used_at, ends_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7, 0)`,
		f.ID, string(f.Token), f.Generation, f.Preauthorised, added, int64(w.now), int64(f.EndsAt))
	if err != nil {
		return err
	}
	return w.insertPair(f, &pair{number: 1, generation: f.Generation}, p)
}

// EndFamily ends a family of a token, with what was minted in it, and answers
// with it. Ending an ended one changes nothing and answers the same;
// token.ErrNotFound when the token has no such family.
func (s *Store) EndFamily(ctx context.Context, act token.Act, h token.Handle, id string) (f token.Family, err error) {
	err = s.write(ctx, "end_family", act, func(w *writing) error {
		t, err := findToken(w.ctx, w.tx, h)
		if err != nil {
			return err
		}
		err = scanFamily(w.row(`SELECT `+familyColumns+` FROM families WHERE id = $1 AND token = $2`, id, string(h)), &f)
		if err != nil {
			return err
		}
		if f.EndedAt != 0 {
			return errUnchanged
		}
		f.EndedAt = w.now
		if _, err := w.change(token.EntityToken, string(h), false); err != nil {
			return err
		}
		if err := w.endFamily(id); err != nil {
			return err
		}
		return w.record(entry{action: w.named("family.end"), target: tokenTarget(h), merchant: t.Merchant, after: tellFamily(&f)})
	})
	return kept(f, err)
}

// endFamily ends a family and the pair that lives in it. The change of the
// token is the caller's to write.
func (w *writing) endFamily(id string) error {
	if err := w.affect(`UPDATE families SET ended_at = $2 WHERE id = $1`, id, int64(w.now)); err != nil {
		return err
	}
	return w.exec(`UPDATE pairs SET ended_at = $2 WHERE family = $1 AND ended_at = 0`, id, int64(w.now))
}

// ListFamilies lists the families of a token that live, oldest first.
func (s *Store) ListFamilies(ctx context.Context, h token.Handle) (list []token.Family, err error) {
	now := token.At(s.opt.Now())
	err = s.read(ctx, "list_families", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+familyColumns+` FROM families
			WHERE token = $1 AND ended_at = 0 AND ends_at > $2 ORDER BY added`, string(h), int64(now))
		list, err = collect(rows, err, func(r *sql.Rows, f *token.Family) error { return scanFamily(r, f) })
		return err
	})
	return list, err
}

// readFamilies adds the families that live now to the records.
func (l *loading) readFamilies() error {
	handles := slices.Collect(maps.Keys(l.found))
	args := append(handleArgs(handles), int64(token.At(l.store.opt.Now())))
	rows, err := l.store.query(l.ctx, l.tx, familiesText(len(handles)), args...)
	type owned struct {
		of token.Handle
		id string
	}
	all, err := collect(rows, err, func(r *sql.Rows, o *owned) error { return r.Scan(&o.of, &o.id) })
	for _, o := range all {
		t := l.found[o.of].record
		t.Families = append(t.Families, o.id)
	}
	return err
}

// Preauthorise makes the family of an opaque access token open an enhanced key,
// and answers with what is to be told of the pair: its end. token.ErrNotFound
// when the token has no such access token, or it has ended. A family that was
// preauthorised already stays as it is.
func (s *Store) Preauthorise(ctx context.Context, act token.Act, h token.Handle, access token.Digest) (p token.Pair, err error) {
	err = s.write(ctx, "preauthorise", act, func(w *writing) error {
		t, err := w.alive(h)
		if err != nil {
			return err
		}
		f, at, err := w.findPair("access", access)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && f.Token != h:
			return token.ErrNotFound
		case err != nil:
			return err
		case f.over(w.now) || at.endedAt != 0 || at.accessEndsAt.Reached(w.now) || !accepts(&t, at.generation, w.now):
			return token.ErrNotFound
		}
		p = token.Pair{Access: access, AccessEndsAt: earlier(at.accessEndsAt, f.EndsAt), Preauthorised: true}
		if f.Preauthorised {
			return errUnchanged
		}
		f.Preauthorised = true
		if _, err := w.change(token.EntityToken, string(h), true); err != nil {
			return err
		}
		if err := w.affect(`UPDATE families SET preauthorised = TRUE, last_used_at = $2 WHERE id = $1`, f.ID, int64(w.now)); err != nil {
			return err
		}
		return w.record(entry{action: w.named("family.preauthorise"), target: tokenTarget(h), merchant: t.Merchant, after: tellFamily(&f.Family)})
	})
	return kept(p, err)
}

// checkFamily sees that a family can be begun with the pair.
func checkFamily(f *token.Family, p *token.Pair) error {
	var wrong fields
	wrong.text("id", f.ID, nameMax)
	if f.Generation < 1 {
		wrong.add("generation", "must be that of the client secret that was presented")
	}
	checkPair(&wrong, p)
	if f.EndsAt <= 0 {
		wrong.add("ends_at", "a family has an absolute end")
	}
	return wrong.err()
}
