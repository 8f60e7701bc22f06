package oauth

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Revoker ends an access or refresh token of the client's own token, the rest
// of its family with a refresh token. Allowed says that the client proved
// itself, and nothing about what was ended: a token that is unknown, foreign,
// or a key or secret, is left alone without a word (RFC 7009 §2.2). hint is
// token_type_hint, nil when none was sent, and may be wrong. The client is set
// as soon as it has proven itself. Nothing of the arguments is kept.
type Revoker interface {
	Revoke(ctx context.Context, o *token.Order, text, hint []byte) (token.Client, token.Reason)
}

// Revoke is the endpoint POST /api/revoke of RFC 7009.
type Revoke struct {
	Revoker Revoker
	Clients ClientAuth
	Timeout time.Duration // how long the store may take; 0 means 2 s
}

// Serve answers one revocation, with an empty body, and says in v how it ended.
func (e *Revoke) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	begin(resp, v)
	if v.Reason == token.Allowed {
		v.Reason = e.serve(req, v)
	}
	if v.Reason != token.Allowed {
		refuse(resp, v)
		return
	}
	resp.SetStatusCode(fasthttp.StatusOK)
}

func (e *Revoke) serve(req *fasthttp.Request, v *token.Visit) token.Reason {
	form, o, reason := about(req, v, e.Clients)
	if reason != token.Allowed {
		return reason
	}
	ctx, cancel := wire.Deadline(e.Timeout)
	defer cancel()
	client, reason := e.Revoker.Revoke(ctx, &o, form.Value("token"), form.Value("token_type_hint"))
	v.Handle, v.Merchant = client.Handle, client.Merchant
	return reason
}

// about reads a request about a token: its form, which names one, and the
// client that asks.
func about(req *fasthttp.Request, v *token.Visit, clients ClientAuth) (form wire.Fields, o token.Order, reason token.Reason) {
	if form, reason = readForm(req); reason != token.Allowed {
		return form, o, reason
	}
	if form.Value("token") == nil {
		return form, o, token.InvalidRequest
	}
	o, reason = clients.order(req, &form, v)
	return form, o, reason
}
