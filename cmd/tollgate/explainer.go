package main

import (
	"context"

	"tollgate/admin"
	"tollgate/gateway"
	"tollgate/policy/token"
)

// explain answers the admin room's inquiries by the gateway's own judgement.
func (h *house) explain(ctx context.Context, q admin.Inquiry) (admin.Explanation, error) {
	ask := gateway.ExplainRequest{
		Credential: []byte(q.Credential), Method: q.Method, Host: q.Host, Path: q.Path, Body: q.Body, ClientIP: q.ClientIP, ClientCert: q.ClientCert,
	}
	for _, header := range q.Headers {
		ask.Headers = append(ask.Headers, gateway.HeaderField{Name: header.Name, Value: header.Value})
	}
	if q.Credential == "" {
		live, err := h.store.LoadToken(ctx, q.Handle)
		if err != nil {
			return admin.Explanation{}, err
		}
		ask.Principal = &token.Principal{Live: live, Kind: token.KindKey}
	}
	found, err := h.gateway.Explain(ctx, ask)
	if err != nil {
		return admin.Explanation{}, err
	}
	e := admin.Explanation{
		Allowed: found.Allowed, Reason: found.Reason, WouldDeny: found.WouldDeny, Status: found.Status,
	}
	if p := found.Principal; p != nil {
		e.Handle, e.Merchant = p.Live.Handle, p.Live.Merchant
	}
	for _, c := range found.Checks {
		e.Checks = append(e.Checks, admin.Check{Name: c.Name, Passed: c.Passed, Detail: c.Detail})
	}
	return e, nil
}
