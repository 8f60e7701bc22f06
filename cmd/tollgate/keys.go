package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"tollgate/configs"
	"tollgate/gateway/issue"
	"tollgate/policy/token"
	"tollgate/store"
)

// systemAct is what tollgate itself does, for the audit log.
func systemAct(action string) token.Act {
	return token.Act{Actor: token.Actor{Kind: "system", ID: "tollgate"}, Action: action}
}

// openMasterKey finds the master key. One is created only where nothing can
// have been sealed yet: a key that is lost must not be replaced in silence.
func openMasterKey(ctx context.Context, cfg *configs.Config, st *store.Store) (*issue.MasterKey, error) {
	path := masterKeyPath(cfg)
	key, err := readMasterKey(path)
	if err != nil || key != nil {
		return key, err
	}
	sealed, err := st.HasSealed(ctx)
	if err != nil {
		return nil, err
	}
	if sealed || cfg.MasterKeyFile != "" {
		return nil, fmt.Errorf("master key %s: there is no such file; put back the one that this database was made with", path)
	}
	return createMasterKey(path)
}

// signingKeys are the keys for JWTs: those of the configuration, or those that
// the store keeps sealed, of which one is made at the first start.
func signingKeys(ctx context.Context, cfg *configs.Config, st *store.Store, minter *issue.Minter) ([]token.SigningKey, error) {
	if err := proveMasterKey(ctx, st, minter); err != nil {
		return nil, err
	}
	if len(cfg.Tokens.SigningKeys) > 0 {
		return configuredKeys(cfg)
	}
	sealed, err := st.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 {
		key, err := issue.NewSigningKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		row, err := minter.SealKey(key)
		if err != nil {
			return nil, err
		}
		return []token.SigningKey{key}, st.AddSigningKey(ctx, systemAct("signing_key.create"), row)
	}
	return openKeys(minter, sealed)
}

func configuredKeys(cfg *configs.Config) ([]token.SigningKey, error) {
	keys := make([]token.SigningKey, len(cfg.Tokens.SigningKeys))
	for i, k := range cfg.Tokens.SigningKeys {
		var err error
		if keys[i], err = issue.ReadSigningKey(k.ID, token.Algorithm(k.Alg), k.Secret.Reveal()); err != nil {
			return nil, fmt.Errorf("tokens.signing_keys[%d]: %w", i, err)
		}
	}
	return keys, nil
}

func openKeys(minter *issue.Minter, sealed []token.SealedKey) ([]token.SigningKey, error) {
	keys := make([]token.SigningKey, len(sealed))
	for i, row := range sealed {
		var err error
		if keys[i], err = minter.Master.OpenKey(row); err != nil {
			return nil, fmt.Errorf("the master key does not open what this database has sealed (%w); put back the one it was made with", err)
		}
		if weak(&keys[i]) {
			return nil, fmt.Errorf("the signing key %s that this database keeps is an example or was not drawn at random: anybody could sign with it; give others under tokens.signing_keys", keys[i].ID)
		}
	}
	return keys, nil
}

// masterProof names the fact by which the right master key is recognised even
// where nothing but signing secrets is sealed.
const masterProof = "master_key_proof"

var proofPlace = issue.Place{Purpose: masterProof, Owner: "installation"}

// proveMasterKey opens the proof that the first start sealed, or seals it. A
// wrong master key is found at the start, not when a secret is needed.
func proveMasterKey(ctx context.Context, st *store.Store, minter *issue.Minter) error {
	proof, err := st.Meta(ctx, masterProof)
	if errors.Is(err, token.ErrNotFound) {
		proof, err = minter.Master.Seal(minter.Rand, proofPlace, []byte(masterProof))
		if err != nil {
			return err
		}
		return st.SetMeta(ctx, systemAct("master_key.prove"), masterProof, proof)
	}
	if err != nil {
		return err
	}
	if _, err := minter.Master.Open(proofPlace, proof); err != nil {
		return errors.New("the master key does not open what this database has sealed; put back the one it was made with")
	}
	return nil
}

// weak reports whether somebody could have guessed a signing key. Ours are drawn
// at random, but a database may have been made or written to by other hands.
func weak(k *token.SigningKey) bool {
	if k.Alg == token.EdDSA {
		return len(k.Ed) == ed25519.PrivateKeySize && configs.WellKnown(k.Ed.Seed())
	}
	return configs.WellKnown(k.Secret)
}

func newMinter(master *issue.MasterKey) *issue.Minter {
	return &issue.Minter{Rand: rand.Reader, Now: time.Now, Master: master}
}

// adminMinter is the minter as the admin room asks for it.
type adminMinter struct{ *issue.Minter }

// Mint draws one secret of a token, or an admin key.
func (m adminMinter) Mint(k token.Kind, e token.Environment, h token.Handle, generation int) ([]byte, token.Credential, error) {
	return m.Minter.Mint(issue.Wanted{Kind: k, Environment: e, Handle: h, Generation: generation})
}
