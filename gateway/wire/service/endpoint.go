package service

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Children are the tokens that a token manages: those of its merchant and
// environment. Each method first judges the caller: its key, its standing, its
// address, and the permission tokens:manage. It fills in the call's client as
// soon as the key has proven itself, and its detail where a sentence helps. A
// reason other than Allowed says why nothing was done. Nothing of a call or of
// an id is kept.
type Children interface {
	// List gives the newest 1,000 that are not revoked, newest first.
	List(ctx context.Context, c *token.Call) ([]token.Child, token.Reason)
	// Create makes a child of the caller's token. InvalidRequest: it would be
	// freer than the caller, or an IP range cannot be read. NotFound: the
	// merchant is not the caller's. QuotaExceeded: there are too many.
	Create(ctx context.Context, c *token.Call, o *token.ChildOrder) (token.Child, token.Reason)
	// Delete revokes the token that id names, its handle or its whole key.
	// NotFound: there is none, or it is another merchant's.
	Delete(ctx context.Context, c *token.Call, id []byte) token.Reason
}

// Endpoint is what the three endpoints need.
type Endpoint struct {
	Children Children
	Timeout  time.Duration // how long the store may take; 0 means 2 s
}

// List is the endpoint POST /api/gateway/getServiceTokens.
type List struct{ Endpoint }

// Serve lists the caller's tokens and says in v how it ended.
func (e *List) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	e.answer(req, resp, v, func(ctx context.Context, c *token.Call, _ map[string]any) ([]byte, token.Reason) {
		list, reason := e.Children.List(ctx, c)
		b := []byte(`{"tokens":[`)
		for i := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendChild(b, &list[i])
		}
		return append(b, ']', '}'), reason
	})
}

// Create is the endpoint POST /api/gateway/createServiceToken.
type Create struct{ Endpoint }

// Serve creates a child of the caller's token and says in v how it ended.
func (e *Create) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	e.answer(req, resp, v, func(ctx context.Context, c *token.Call, data map[string]any) ([]byte, token.Reason) {
		var o token.ChildOrder
		if o, c.Detail = readChild(data); c.Detail != "" {
			return nil, token.InvalidRequest
		}
		child, reason := e.Children.Create(ctx, c, &o)
		if len(o.IPRanges) > 0 {
			child.IPRanges = o.IPRanges // as they were sent, not as they are kept
		}
		return appendChild(nil, &child), reason
	})
}

// Delete is the endpoint POST /api/gateway/deleteServiceToken.
type Delete struct{ Endpoint }

// Serve revokes one of the caller's tokens and says in v how it ended.
func (e *Delete) Serve(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit) {
	e.answer(req, resp, v, func(ctx context.Context, c *token.Call, data map[string]any) ([]byte, token.Reason) {
		id, _ := data["id"].(string)
		if id == "" {
			c.Detail = "Send the id of the token to delete, as a string, in data.id."
			return nil, token.InvalidRequest
		}
		reason := e.Children.Delete(ctx, c, []byte(id))
		return append(wire.AppendString([]byte(`{"id":`), id), '}'), reason
	})
}

// work carries a call out whose body has been read, and words its answer.
type work func(ctx context.Context, c *token.Call, data map[string]any) (body []byte, reason token.Reason)

// answer is what the endpoints have in common: the shape of the request, which
// tells nothing about any token, then the work, then the answer.
func (e *Endpoint) answer(req *fasthttp.Request, resp *fasthttp.Response, v *token.Visit, work work) {
	v.Dialect = "service"
	wire.NoStore(resp)
	c := token.Call{
		Dialect: "service", Key: req.Header.Peek(keyHeader),
		Source: v.Source, Now: v.NowMicros.Time(), RequestID: v.RequestID, Permit: v.Permit,
	}
	var body []byte
	if v.Reason == token.Allowed {
		body, v.Reason = e.serve(req, &c, work)
		v.Handle, v.Merchant = c.Client.Handle, c.Client.Merchant
	}
	if v.Reason != token.Allowed {
		r := token.Refusal{Reason: v.Reason, RequestID: v.RequestID, RetryIn: v.RetryIn, Detail: c.Detail}
		switch v.Reason {
		case token.MethodNotRouted:
			r.Allow = "POST"
		case token.IPNotAllowed:
			r.ClientIP = v.Source.Addr.String()
		}
		Dialect{}.Refuse(resp, &r)
		return
	}
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	resp.SetBodyRaw(body)
}

func (e *Endpoint) serve(req *fasthttp.Request, c *token.Call, work work) ([]byte, token.Reason) {
	if !req.Header.IsPost() {
		return nil, token.MethodNotRouted
	}
	if len(c.Key) == 0 {
		return nil, token.CredentialsMissing
	}
	data, detail := readData(&req.Header, req.Body())
	if detail != "" {
		c.Detail = detail
		return nil, token.InvalidRequest
	}
	ctx, cancel := wire.Deadline(e.Timeout)
	defer cancel()
	return work(ctx, c, data)
}

// appendChild writes a token with its members in the order of the seed.
func appendChild(b []byte, c *token.Child) []byte {
	name := c.Key
	if name == "" {
		name = string(c.Handle)
	}
	b = append(b, `{"groupID":`...)
	b = wire.AppendString(b, c.Merchant)
	b = append(b, `,"token":`...)
	b = wire.AppendString(b, name)
	b = append(b, `,"secret":`...)
	b = wire.AppendString(b, c.Secret)
	if c.Active {
		b = append(b, `,"active":true,"ipWhitelist":`...)
	} else {
		b = append(b, `,"active":false,"ipWhitelist":`...)
	}
	b = wire.AppendList(b, c.IPRanges)
	b = append(b, `,"allowedMethods":`...)
	b = wire.AppendList(b, c.Methods)
	b = wire.AppendInstant(append(b, `,"createdAt":`...), c.CreatedAt)
	b = wire.AppendInstant(append(b, `,"updatedAt":`...), c.UpdatedAt)
	b = wire.AppendInstant(append(b, `,"expiresAt":`...), c.ExpiresAt)
	return append(b, '}')
}
