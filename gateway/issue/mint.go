package issue

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"tollgate/policy/token"
)

// alphabet is base62 in the order of its digits, as in package token.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// secretLength is how many base62 characters of a secret are not its checksum:
// all random, but for a key, where the first are the id of its handle. 40 of
// them carry 238 bits, the 28 of a key 166.
const secretLength = 40

// hintLength is how much of a secret may be shown in lists.
const hintLength = 4

// Minter draws new secrets, handles and ids. Its fields must be set; it is safe
// for concurrent use if Rand is.
type Minter struct {
	Rand   io.Reader        // crypto/rand.Reader
	Now    func() time.Time // for when a credential was made
	Master *MasterKey       // seals signing secrets; nil: none can be made
}

// Wanted says which secret to mint.
type Wanted struct {
	Kind        token.Kind
	Environment token.Environment // EnvLive or EnvTest where the kind's form names one
	Handle      token.Handle      // of the token it is for; not for KindAdmin
	Generation  int               // from 1
	EndsAt      token.Instant     // 0: with its token
}

// Mint draws a secret. The bytes are the only copy there is and belong to the
// caller, who shows them once. The credential is what to keep: the digest, the
// last four characters, and for a signing secret its sealed bytes.
func (m *Minter) Mint(w Wanted) (secret []byte, kept token.Credential, err error) {
	if err := w.check(); err != nil {
		return nil, token.Credential{}, err
	}
	body := make([]byte, 0, secretLength)
	if w.Kind == token.KindKey {
		body = append(body, w.Handle.ID()...)
	}
	if body, err = appendBase62(body, secretLength-len(body), m.Rand); err != nil {
		return nil, token.Credential{}, err
	}
	secret = token.Compose(w.Kind, w.Environment, body)
	kept = token.Credential{
		Kind: w.Kind, Generation: w.Generation, Digest: token.DigestOf(secret),
		Hint: string(secret[len(secret)-hintLength:]), CreatedAt: token.At(m.Now()), EndsAt: w.EndsAt,
	}
	if w.Kind == token.KindSigning {
		if m.Master == nil {
			return nil, token.Credential{}, errors.New("issue: a signing secret is kept sealed, and there is no master key to seal it with; set master_key_file")
		}
		place := Place{Purpose: w.Kind.String(), Owner: string(w.Handle), Generation: w.Generation}
		if kept.Sealed, err = m.Master.Seal(m.Rand, place, secret); err != nil {
			return nil, token.Credential{}, err
		}
	}
	return secret, kept, nil
}

func (w *Wanted) check() error {
	switch w.Kind {
	case token.KindKey, token.KindClient, token.KindSigning:
		if w.Environment != token.EnvLive && w.Environment != token.EnvTest {
			return fmt.Errorf("issue: a %v belongs to the environment live or test", w.Kind)
		}
	case token.KindAccess, token.KindRefresh, token.KindAdmin:
	default:
		return fmt.Errorf("issue: a %v is not a secret that is minted", w.Kind)
	}
	if _, ok := token.ParseHandle(string(w.Handle)); !ok && w.Kind != token.KindAdmin {
		return fmt.Errorf("issue: a %v needs the handle of its token, not %q", w.Kind, w.Handle)
	}
	if w.Generation < 1 {
		return fmt.Errorf("issue: generations count from 1, not %d", w.Generation)
	}
	return nil
}

// NewHandle draws the public name of a new token: 71 bits. The store refuses
// one that is taken.
func (m *Minter) NewHandle() (token.Handle, error) {
	id, err := appendBase62(make([]byte, 0, token.IDLength), token.IDLength, m.Rand)
	if err != nil {
		return "", err
	}
	return token.HandleOf(id), nil
}

// NewClientID draws a client id: 32 lower-case hexadecimal characters.
func (m *Minter) NewClientID() (string, error) {
	var b [clientIDLength / 2]byte
	if _, err := io.ReadFull(m.Rand, b[:]); err != nil {
		return "", noRandomness(err)
	}
	return hex.EncodeToString(b[:]), nil
}

// clientIDLength is how many characters a client id has.
const clientIDLength = 32

// appendBase62 appends count characters, each as likely as any other: a random
// byte beyond the last whole multiple of 62 is drawn again, not folded back.
func appendBase62(out []byte, count int, random io.Reader) ([]byte, error) {
	const fair = 256 / len(alphabet) * len(alphabet)
	var drawn [64]byte
	defer clear(drawn[:])
	for count > 0 {
		if _, err := io.ReadFull(random, drawn[:]); err != nil {
			return nil, noRandomness(err)
		}
		for _, b := range drawn {
			if int(b) < fair && count > 0 {
				out = append(out, alphabet[int(b)%len(alphabet)])
				count--
			}
		}
	}
	return out, nil
}

func noRandomness(err error) error {
	return fmt.Errorf("issue: no random bytes to make a secret of: %w", err)
}
