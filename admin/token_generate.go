package admin

import (
	"context"
	"time"

	"tollgate/policy/token"
)

// generatedTokens is the one answer that shows what generate made: the client
// credentials and the first pair of a refresh family.
type generatedTokens struct {
	ETag string `header:"ETag"`
	Body struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		AccessToken  string `json:"access_token" doc:"Opaque; pre-authorise it with POST /api/authorize when enhanced security is on"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int64  `json:"expires_in" doc:"Seconds that the access token lives"`
	}
}

// generate is the apikey dialect's "generate tokens". Whatever it made before
// ends with it: client id, client secrets, JWTs, access and refresh tokens.
func (s *service) generate(ctx context.Context, v *visit, in *TokenPath) (*generatedTokens, error) {
	t, err := s.writableToken(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	out := &generatedTokens{}
	err = s.succeed(ctx, t.Handle, token.KindClient, func(t *token.Token, generation int) error {
		now := s.instant()
		made, err := s.mintPair(t, generation, now)
		if err != nil {
			return mintFault(err)
		}
		r, _, err := s.store.Generate(ctx, v.act("token.generate"), t.Handle, made.kept, "",
			token.Family{EndsAt: now.Add(s.familyTTL)}, made.pair)
		if err != nil {
			return err
		}
		out.ETag = etag(r.Token.Version)
		out.Body.ClientID, out.Body.ClientSecret = r.Token.ClientID, string(made.secret)
		out.Body.AccessToken, out.Body.RefreshToken = string(made.access), string(made.refresh)
		out.Body.ExpiresIn = int64(made.pair.AccessEndsAt.Time().Sub(now.Time()) / time.Second)
		return nil
	})
	if err != nil {
		return nil, missing(err, "token")
	}
	return out, nil
}

// generated is what one press of the button makes, and what is kept of it.
type generated struct {
	secret, access, refresh []byte
	kept                    token.Credential
	pair                    token.Pair
}

func (s *service) mintPair(t *token.Token, generation int, now token.Instant) (g generated, err error) {
	if g.secret, g.kept, err = s.minter.Mint(token.KindClient, t.Environment, t.Handle, generation); err != nil {
		return g, err
	}
	var access, refresh token.Credential
	if g.access, access, err = s.minter.Mint(token.KindAccess, token.EnvAny, t.Handle, 1); err != nil {
		return g, err
	}
	if g.refresh, refresh, err = s.minter.Mint(token.KindRefresh, token.EnvAny, t.Handle, 1); err != nil {
		return g, err
	}
	g.pair = token.Pair{Access: access.Digest, AccessEndsAt: now.Add(min(s.opaqueTTL, s.familyTTL)), Refresh: refresh.Digest}
	return g, nil
}
