package issue

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"tollgate/policy/token"
)

// secretBytes is how long an HS256 key that we draw is, and the least one that
// we are given may be.
const secretBytes = 32

// jwtKey is the purpose that JWT signing keys are sealed for.
const jwtKey = "jwt_key"

// ReadSigningKey reads a signing key as its file holds it. HS256: the bytes of
// the file, one final newline left out, at least 32 of them. EdDSA: a PKCS#8
// PEM block with an Ed25519 private key, as `openssl genpkey -algorithm ed25519`
// writes it. Errors name the key and never quote it.
func ReadSigningKey(id string, alg token.Algorithm, file []byte) (token.SigningKey, error) {
	switch alg {
	case token.HS256:
		secret := bytes.TrimSuffix(bytes.TrimSuffix(file, []byte("\n")), []byte("\r"))
		if len(secret) < secretBytes {
			return token.SigningKey{}, fmt.Errorf("issue: signing key %s has %d bytes; HS256 wants at least %d random ones", id, len(secret), secretBytes)
		}
		return token.SigningKey{ID: id, Alg: alg, Secret: bytes.Clone(secret)}, nil
	case token.EdDSA:
		key, err := readEd25519(file)
		if err != nil {
			return token.SigningKey{}, fmt.Errorf("issue: signing key %s: %w", id, err)
		}
		return token.SigningKey{ID: id, Alg: alg, Ed: key}, nil
	}
	return token.SigningKey{}, fmt.Errorf("issue: signing key %s wants the algorithm %q; HS256 and EdDSA are the ones there are", id, alg)
}

func readEd25519(file []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(file)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("not a PKCS#8 PEM file, which begins with -----BEGIN PRIVATE KEY-----")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("something follows the PEM block; one key a file")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the PEM block holds no PKCS#8 private key")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the key is a %T; EdDSA wants Ed25519", parsed)
	}
	return key, nil
}

// NewSigningKey draws an HS256 key, for an installation that was given none.
func NewSigningKey(random io.Reader) (token.SigningKey, error) {
	id, err := appendBase62([]byte("k_"), 10, random)
	if err != nil {
		return token.SigningKey{}, err
	}
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return token.SigningKey{}, noRandomness(err)
	}
	return token.SigningKey{ID: string(id), Alg: token.HS256, Secret: secret}, nil
}

// SealKey puts a signing key in the form the store keeps it in.
func (m *Minter) SealKey(k token.SigningKey) (token.SealedKey, error) {
	if m.Master == nil {
		return token.SealedKey{}, errors.New("issue: a signing key is kept sealed, and there is no master key to seal it with; set master_key_file")
	}
	content := k.Secret
	if k.Alg == token.EdDSA {
		content = k.Ed.Seed()
	}
	sealed, err := m.Master.Seal(m.Rand, keyPlace(k.ID, k.Alg), content)
	if err != nil {
		return token.SealedKey{}, err
	}
	return token.SealedKey{ID: k.ID, Alg: k.Alg, Sealed: sealed, CreatedAt: token.At(m.Now())}, nil
}

// OpenKey is the signing key that SealKey was given.
func (k *MasterKey) OpenKey(s token.SealedKey) (token.SigningKey, error) {
	content, err := k.Open(keyPlace(s.ID, s.Alg), s.Sealed)
	if err != nil {
		return token.SigningKey{}, err
	}
	switch {
	case s.Alg == token.HS256 && len(content) >= secretBytes:
		return token.SigningKey{ID: s.ID, Alg: s.Alg, Secret: content}, nil
	case s.Alg == token.EdDSA && len(content) == ed25519.SeedSize:
		return token.SigningKey{ID: s.ID, Alg: s.Alg, Ed: ed25519.NewKeyFromSeed(content)}, nil
	}
	return token.SigningKey{}, fmt.Errorf("issue: the sealed signing key %s opens, but is no key for %q", s.ID, s.Alg)
}

// keyPlace binds the algorithm too: a secret must never be read as a seed.
func keyPlace(id string, alg token.Algorithm) Place {
	return Place{Purpose: jwtKey + " " + string(alg), Owner: id}
}
