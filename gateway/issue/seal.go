package issue

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// masterLength is the length of a master key in bytes.
const masterLength = 32

// MasterKey seals what must be kept in a form it can be had back from. It is
// never in the database, and it prints as nothing.
type MasterKey struct {
	aead    cipher.AEAD
	extract []byte // the pseudo-random key of HKDF: other keys come of it, never this one
}

// String says nothing about the key.
func (*MasterKey) String() string { return "master key" }

// GoString is String: %#v tells no more.
func (k *MasterKey) GoString() string { return k.String() }

// Format is String for every verb.
func (k *MasterKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// ParseMasterKey reads a master key as its file holds it: exactly 32 raw bytes,
// or 64 hexadecimal or 44 base64 characters with at most one newline after
// them. Its errors tell lengths, never content. It does not keep the bytes.
func ParseMasterKey(file []byte) (*MasterKey, error) {
	raw, err := masterBytes(file)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, errors.New("issue: the master key is not an AES-256 key")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, errors.New("issue: the master key cannot be used for AES-256-GCM")
	}
	extract, err := hkdf.Extract(sha256.New, raw, nil)
	if err != nil {
		return nil, errors.New("issue: no other key can be derived from the master key")
	}
	clear(raw)
	return &MasterKey{aead: aead, extract: extract}, nil
}

// Derive is a key of 32 bytes for one purpose, such as "webhooks": the same for
// the same master key, and of no use for finding that, or the key of another
// purpose (HKDF with SHA-256, RFC 5869).
func (k *MasterKey) Derive(purpose string) ([]byte, error) {
	if purpose == "" {
		return nil, errors.New("issue: a key is derived for a purpose, and none was named")
	}
	key, err := hkdf.Expand(sha256.New, k.extract, "tollgate "+purpose, masterLength)
	if err != nil {
		return nil, fmt.Errorf("issue: no key for %s can be derived from the master key: %w", purpose, err)
	}
	return key, nil
}

func masterBytes(file []byte) ([]byte, error) {
	if len(file) == masterLength { // also when its last byte happens to be a newline
		return bytes.Clone(file), nil
	}
	text := bytes.TrimSuffix(file, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	switch len(text) {
	case hex.EncodedLen(masterLength):
		raw := make([]byte, masterLength)
		if _, err := hex.Decode(raw, text); err == nil {
			return raw, nil
		}
		return nil, errors.New("issue: the master key has 64 characters, but they are not all hexadecimal")
	case base64.StdEncoding.EncodedLen(masterLength):
		raw, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
		if err == nil && len(raw) == masterLength && !bytes.ContainsAny(text, "\r\n") {
			return raw, nil
		}
		return nil, errors.New("issue: the master key has 44 characters, but they are not the base64 of 32 bytes")
	}
	return nil, fmt.Errorf("issue: a master key is 32 raw bytes, 64 hexadecimal or 44 base64 characters; this one has %d bytes (head -c 32 /dev/urandom > file makes one)", len(file))
}

// Place is where a sealed secret belongs. It is bound to the seal, so that a
// sealed value that is moved to another row, or to another use, does not open.
type Place struct {
	Purpose    string // a token.Kind's word, or "jwt_key"
	Owner      string // a handle, or a key's id
	Generation int
}

// sealVersion is the first byte of a sealed value.
const sealVersion = 1

// Seal encrypts a secret for a place: a version byte, a random nonce, and the
// AES-256-GCM ciphertext with its tag. The nonces are random: one master key is
// good for 2³² seals.
func (k *MasterKey) Seal(random io.Reader, at Place, secret []byte) ([]byte, error) {
	out := make([]byte, 1+k.aead.NonceSize(), 1+k.aead.NonceSize()+len(secret)+k.aead.Overhead())
	out[0] = sealVersion
	nonce := out[1:]
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, noRandomness(err)
	}
	return k.aead.Seal(out, nonce, secret, at.bound()), nil
}

// Open is the secret that Seal was given for this very place. It belongs to the
// caller.
func (k *MasterKey) Open(at Place, sealed []byte) ([]byte, error) {
	start := 1 + k.aead.NonceSize()
	if len(sealed) < start+k.aead.Overhead() {
		return nil, fmt.Errorf("issue: the sealed %s of %s is cut short", at.Purpose, at.Owner)
	}
	if sealed[0] != sealVersion {
		return nil, fmt.Errorf("issue: the sealed %s of %s was written by a newer tollgate (form %d)", at.Purpose, at.Owner, sealed[0])
	}
	secret, err := k.aead.Open(nil, sealed[1:start], sealed[start:], at.bound())
	if err != nil {
		return nil, fmt.Errorf("issue: the sealed %s of %s does not open: the master key is not the one it was sealed with, or the row was altered", at.Purpose, at.Owner)
	}
	return secret, nil
}

// bound writes the place so that no two places are written alike.
func (p Place) bound() []byte {
	b := []byte{sealVersion}
	b = append(binary.AppendUvarint(b, uint64(len(p.Purpose))), p.Purpose...)
	b = append(binary.AppendUvarint(b, uint64(len(p.Owner))), p.Owner...)
	return binary.AppendVarint(b, int64(p.Generation))
}
