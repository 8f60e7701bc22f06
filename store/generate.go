package store

import (
	"context"

	"tollgate/policy/token"
)

// Generate gives a token new client credentials and a new refresh family with
// its first pair. Everything of the kind that was made before ends at once: all
// generations of the client secret, with the JWTs minted under them, and all
// families, with what was minted in them.
//
// clientID is the new client id, or "" for the store to mint one. f.Token and
// f.Generation are the store's to fill in; f.ID may be empty. token.ErrStale
// when secret.Generation is set and is not the next one.
func (s *Store) Generate(ctx context.Context, act token.Act, h token.Handle, secret token.Credential, clientID string, f token.Family, p token.Pair) (r token.Rotation, _ token.Family, err error) {
	f.Token, f.Generation = h, 1 // the real one is known when the token is read
	if err := checkGenerate(&secret, clientID, &f, &p); err != nil {
		return token.Rotation{}, token.Family{}, err
	}
	err = s.write(ctx, "generate", act, func(w *writing) error {
		old, err := w.alive(h)
		if err != nil {
			return err
		}
		if clientID == "" {
			if clientID, err = mintClientID(s.opt.Rand); err != nil {
				return err
			}
		}
		was := old.ClientID
		old.ClientID = clientID
		if r, err = w.rotate(old, secret, w.now); err != nil {
			return err
		}
		added, err := w.change(token.EntityToken, string(h), true)
		if err != nil {
			return err
		}
		err = w.affect(`UPDATE tokens SET client_id = $2, updated_at = $3, version = $4 WHERE handle = $1`,
			string(h), clientID, int64(w.now), r.Token.Version)
		if err != nil {
			return err
		}
		f.Generation = r.Credential.Generation
		if err := w.replaceFamilies(&f, &p, added); err != nil {
			return err
		}
		after := tellCredential(&r.Credential)
		after["client_id"], after["version"], after["family"] = clientID, r.Token.Version, tellFamily(&f)
		err = w.record(entry{action: w.named("token.generate"), target: tokenTarget(h), merchant: old.Merchant,
			before: object{"client_id": was, "version": old.Version}, after: after})
		if err != nil {
			return err
		}
		return w.hook(hookRotated, &r.Token, object{"credential": r.Credential.Kind.String(), "generation": r.Credential.Generation})
	})
	if err != nil {
		return token.Rotation{}, token.Family{}, err
	}
	return r, f, nil
}

// replaceFamilies ends every family of f's token and begins f.
func (w *writing) replaceFamilies(f *token.Family, p *token.Pair, added int64) error {
	ended, err := w.liveFamilies(f.Token)
	if err != nil {
		return err
	}
	for _, id := range ended {
		if err := w.endFamily(id); err != nil {
			return err
		}
	}
	return w.beginFamily(f, p, added)
}

func checkGenerate(secret *token.Credential, id string, f *token.Family, p *token.Pair) error {
	var wrong fields
	checkCredential(&wrong, secret)
	if secret.Kind != token.KindClient {
		wrong.add("credentials", "what is generated is a client secret")
	}
	if id != "" && !clientID(id) {
		wrong.add("client_id", "must be 32 hexadecimal digits in lower case")
	}
	if err := wrong.err(); err != nil {
		return err
	}
	return checkFamily(f, p)
}
