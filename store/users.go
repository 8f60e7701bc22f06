package store

import (
	"context"
	"database/sql"
	"strings"

	"tollgate/policy"
	"tollgate/policy/token"
)

const (
	emailMax    = 254 // RFC 5321 §4.5.3.1.3, without the angle brackets
	passwordMax = 512 // bytes of a PHC string
)

const userColumns = `id, email, role, COALESCE(merchant, ''), enabled, password, created_at, updated_at, last_used_at, version`

// scanUser reads userColumns after the columns of lead.
func scanUser(r scanner, u *token.User, lead ...any) error {
	return r.Scan(append(lead, &u.ID, &u.Email, &u.Role, &u.Merchant, &u.Enabled, &u.PasswordHash,
		&u.CreatedAt, &u.UpdatedAt, &u.LastUsedAt, &u.Version)...)
}

// AddUser adds a person. The ID may be empty: the store mints one. The email
// address is in lower case already; token.ErrExists when another user has it.
// A user comes into being at version 1.
func (s *Store) AddUser(ctx context.Context, act token.Act, u token.User) (token.User, error) {
	if err := checkUser(&u, true); err != nil {
		return token.User{}, err
	}
	err := s.write(ctx, "add_user", act, func(w *writing) (err error) {
		if u.ID == "" {
			if u.ID, err = mintID(s.opt.Rand, "usr_"); err != nil {
				return err
			}
		}
		if err := w.checkEmployer(&u); err != nil {
			return err
		}
		u.CreatedAt, u.UpdatedAt, u.LastUsedAt, u.Version = w.now, w.now, 0, 1
		added, err := w.change(token.EntityUser, u.ID, true)
		if err != nil {
			return err
		}
		err = w.exec(`INSERT INTO users (id, email, role, merchant, enabled, password, added, created_at, updated_at, last_used_at, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 0, 1)`,
			u.ID, u.Email, string(u.Role), nullable(u.Merchant), u.Enabled, u.PasswordHash, added, int64(w.now))
		if err != nil {
			return err
		}
		return w.record(entry{action: w.named("user.create"), target: userTarget(u.ID), merchant: u.Merchant, after: tellUser(&u)})
	})
	return kept(u, err)
}

// ChangeUser writes a user's email address, role, merchant, standing and, unless
// PasswordHash is empty, password. ifVersion is the version that was read, or 0
// for any; another one is token.ErrStale. The audit log is told that there is
// another password, and nothing of either.
func (s *Store) ChangeUser(ctx context.Context, act token.Act, u token.User, ifVersion int64) (token.User, error) {
	if err := checkUser(&u, false); err != nil {
		return token.User{}, err
	}
	err := s.write(ctx, "change_user", act, func(w *writing) error {
		old, err := findUser(w.ctx, w.tx, "id", u.ID)
		if err != nil {
			return err
		}
		if ifVersion != 0 && ifVersion != old.Version {
			return token.ErrStale
		}
		if err := w.checkEmployer(&u); err != nil {
			return err
		}
		if u.PasswordHash == "" {
			u.PasswordHash = old.PasswordHash
		}
		u.CreatedAt, u.LastUsedAt, u.UpdatedAt, u.Version = old.CreatedAt, old.LastUsedAt, w.now, old.Version+1
		if _, err := w.change(token.EntityUser, u.ID, false); err != nil {
			return err
		}
		err = w.affect(`UPDATE users SET email = $2, role = $3, merchant = $4, enabled = $5, password = $6, updated_at = $7, version = $8
			WHERE id = $1`, u.ID, u.Email, string(u.Role), nullable(u.Merchant), u.Enabled, u.PasswordHash, int64(w.now), u.Version)
		if err != nil {
			return err
		}
		before, after := differences(tellUser(&old), tellUser(&u))
		if u.PasswordHash != old.PasswordHash {
			after["password_changed"] = true
		}
		return w.record(entry{action: w.named("user.change"), target: userTarget(u.ID), merchant: u.Merchant, before: before, after: after})
	})
	return kept(u, err)
}

// EndUser removes a user for good; the audit log keeps what was done. Its email
// address is free again. token.ErrNotFound when there is no such user.
func (s *Store) EndUser(ctx context.Context, act token.Act, id string) error {
	return s.write(ctx, "end_user", act, func(w *writing) error {
		old, err := findUser(w.ctx, w.tx, "id", id)
		if err != nil {
			return err
		}
		if _, err := w.change(token.EntityUser, id, false); err != nil {
			return err
		}
		if err := w.affect(`DELETE FROM users WHERE id = $1`, id); err != nil {
			return err
		}
		return w.record(entry{action: w.named("user.end"), target: userTarget(id), merchant: old.Merchant, before: tellUser(&old)})
	})
}

// FindUser reads one user, password hash included; token.ErrNotFound when there
// is none.
func (s *Store) FindUser(ctx context.Context, id string) (token.User, error) {
	return s.findUser(ctx, "id", id)
}

// FindUserByEmail is FindUser by the email address, in lower case.
func (s *Store) FindUserByEmail(ctx context.Context, email string) (token.User, error) {
	return s.findUser(ctx, "email", email)
}

func (s *Store) findUser(ctx context.Context, column, value string) (u token.User, err error) {
	err = s.read(ctx, "find_user", func(tx *sql.Tx) (err error) {
		u, err = findUser(ctx, tx, column, value)
		return err
	})
	return kept(u, err)
}

func findUser(ctx context.Context, tx *sql.Tx, column, value string) (u token.User, err error) {
	err = scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE `+column+` = $1`, value), &u)
	return u, err
}

// ListUsers lists users, newest first, and the cursor of the next page.
func (s *Store) ListUsers(ctx context.Context, f token.UserFilter) (list []token.User, next string, err error) {
	q, err := newPage("users", f.Page)
	if err != nil {
		return nil, "", err
	}
	q.where("merchant = ?", f.Merchant)
	if err := q.matches(f.Query, "email", "id"); err != nil {
		return nil, "", err
	}
	q.below("added")
	var places []int64
	err = s.read(ctx, "list_users", func(tx *sql.Tx) error {
		rows, err := q.query(ctx, tx, `SELECT added, `+userColumns+` FROM users`)
		list, err = collect(rows, err, func(r *sql.Rows, u *token.User) error {
			places = append(places, 0)
			return scanUser(r, u, &places[len(places)-1])
		})
		return err
	})
	list, next = cutAt(q, list, places)
	return list, next, err
}

// LoadUser reads who stands behind the email address of a dashboard user, and
// the PHC string that a password is compared with. The principal's live record
// names no token: it carries the merchant's standing and IP ranges and the
// user's own, and permits nothing. token.ErrNotFound when there is no such
// user, and also for one without a merchant, who is none of the dashboard.
func (s *Store) LoadUser(ctx context.Context, email string) (p *token.Principal, phc string, err error) {
	err = s.read(ctx, "load_user", func(tx *sql.Tx) error {
		u, err := findUser(ctx, tx, "email", email)
		if err != nil {
			return err
		}
		if u.Merchant == "" {
			return token.ErrNotFound
		}
		m, err := findMerchant(ctx, tx, u.Merchant)
		if err != nil {
			return err
		}
		rules, err := policy.Compile(s.opt.Catalogue(), token.Bounds{}, nil, m.IPRanges)
		if err != nil {
			return err
		}
		phc = u.PasswordHash
		p = &token.Principal{Kind: token.KindPassword, User: u.ID, Live: &token.Live{
			Merchant: m.ID, Environment: token.EnvLive, MerchantActive: m.Active, Enabled: u.Enabled, Rules: rules,
		}}
		return nil
	})
	return p, phc, err
}

// checkEmployer sees that the merchant of a user is there.
func (w *writing) checkEmployer(u *token.User) error {
	if u.Merchant == "" {
		return nil
	}
	_, err := findMerchant(w.ctx, w.tx, u.Merchant)
	if w.store.explain("", err) == token.ErrNotFound {
		return token.FieldErrors{{Field: "merchant_id", Message: "there is no such merchant"}}
	}
	return err
}

func checkUser(u *token.User, created bool) error {
	var f fields
	f.text("id", u.ID, nameMax)
	f.text("email", u.Email, emailMax)
	if !address(u.Email) {
		f.add("email", "must be an address such as ama@example.com, in lower case")
	}
	if _, ok := token.ParseRole(string(u.Role)); !ok {
		f.add("role", "must be admin, operator, auditor or merchant")
	}
	if u.Role == token.RoleMerchant && u.Merchant == "" {
		f.add("merchant_id", "is needed for the role merchant")
	}
	f.text("password", u.PasswordHash, passwordMax)
	if (created || u.PasswordHash != "") && !strings.HasPrefix(u.PasswordHash, "$argon2id$") {
		f.add("password", "must be an argon2id hash in PHC form")
	}
	return f.err()
}

// address is what the store asks of an email address: two parts, nothing that
// looks like something else, and only one spelling, or two users could have it.
func address(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(domain, "@") &&
		strings.ToLower(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == ':' })
}
