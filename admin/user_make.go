package admin

import (
	"context"
	"encoding/base32"
	"errors"
	"io"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate/policy/token"
)

// How long an email address and a password may be, in bytes. The longest
// password bounds what is hashed.
const (
	maxEmail    = 254 // RFC 5321 §4.5.3.1.3
	minPassword = 12
	maxPassword = 256
)

// UserMaker adds users: for the API, and for the command line, which has no
// other way to the first one. Its fields must be set, but for Hasher as Options
// says.
type UserMaker struct {
	Store interface {
		MerchantFinder
		UserKeeper
	}
	Hasher Hasher
	Rand   io.Reader
}

// UserOrder is what a user is made of.
type UserOrder struct {
	Email    string
	Role     token.Role
	Merchant string  // of dashboard users; needed for token.RoleMerchant
	Password *string // nil: one is made
}

// Make adds a user. The password is "" unless it was made here: then this is the
// one time that anybody sees it. Errors are token.FieldErrors, token.ErrExists
// when another user has the email address, or that it could not be done.
func (m *UserMaker) Make(ctx context.Context, act token.Act, o UserOrder) (u token.User, password string, err error) {
	var f faults
	u, err = m.read(ctx, &o, &f)
	if err != nil {
		return token.User{}, "", err
	}
	if len(f.list) > 0 {
		return token.User{}, "", f.list
	}
	if u.PasswordHash, password, err = m.password(ctx, o.Password); err != nil {
		return token.User{}, "", err
	}
	if u, err = m.Store.AddUser(ctx, act, u); err != nil {
		return token.User{}, "", err
	}
	return u, password, nil
}

// read reads an order into a user without a password hash. The error is the
// store's.
func (m *UserMaker) read(ctx context.Context, o *UserOrder, f *faults) (token.User, error) {
	u := token.User{Email: readEmail(f, o.Email), Role: o.Role, Merchant: o.Merchant, Enabled: true}
	if o.Password != nil {
		checkPassword(f, *o.Password, u.Email)
	}
	return u, m.checkPlace(ctx, &u, f)
}

// checkPlace notes what is wrong with a user's role and merchant.
func (m *UserMaker) checkPlace(ctx context.Context, u *token.User, f *faults) error {
	if _, ok := token.ParseRole(string(u.Role)); !ok {
		f.add("role", "write admin, operator, auditor or merchant")
	}
	if u.Merchant == "" {
		if u.Role == token.RoleMerchant {
			f.add("merchant_id", "say which merchant's: mer_…")
		}
		return nil
	}
	_, err := m.Store.FindMerchant(ctx, u.Merchant)
	if errors.Is(err, token.ErrNotFound) {
		f.add("merchant_id", "there is no such merchant")
		return nil
	}
	return err
}

// password hashes the password that was given, or one that it makes and shows.
func (m *UserMaker) password(ctx context.Context, given *string) (phc, shown string, err error) {
	if m.Hasher == nil {
		return "", "", mintFault(errors.New("admin: there is no Hasher for passwords"))
	}
	text := ""
	if given != nil {
		text = *given
	} else if text, err = makePassword(m.Rand); err != nil {
		return "", "", mintFault(err)
	} else {
		shown = text
	}
	if phc, err = m.Hasher.Hash(ctx, text); err != nil {
		return "", "", mintFault(err)
	}
	return phc, shown, nil
}

// makePassword draws 130 bits and writes them as 26 letters and digits, none of
// which is taken for another.
func makePassword(random io.Reader) (string, error) {
	var b [17]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])
	return strings.ToLower(text[:26]), nil
}

// readEmail brings an email address into lower case, the form that is kept.
// Basic authentication ends a user's name at the first colon, so it has none.
func readEmail(f *faults, text string) string {
	email := strings.ToLower(text)
	parsed, err := mail.ParseAddress(email)
	switch {
	case len(email) > maxEmail:
		f.add("email", "an email address may have 254 bytes")
	case err != nil, parsed.Address != email, strings.ContainsFunc(email, func(c rune) bool { return c <= ' ' || c > '~' || c == ':' || c == '"' }):
		f.add("email", "write an email address in ASCII, such as ama@example.com, and nothing around it")
	}
	return email
}

// checkPassword notes what is wrong with a password. It asks for length, which
// is what helps, and not for kinds of characters.
func checkPassword(f *faults, password, email string) {
	switch {
	case len(password) < minPassword:
		f.add("password", "a password has at least 12 bytes; leave it out and one is made")
	case len(password) > maxPassword:
		f.add("password", "a password may have 256 bytes")
	case !utf8.ValidString(password), strings.ContainsFunc(password, unicode.IsControl):
		f.add("password", "a password holds no control characters")
	case strings.EqualFold(password, email):
		f.add("password", "the email address is no password")
	}
}
