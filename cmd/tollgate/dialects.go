package main

import (
	"tollgate/configs"
	"tollgate/gateway"
	"tollgate/gateway/wire/apikey"
	"tollgate/gateway/wire/envelope"
	"tollgate/gateway/wire/oauth"
	"tollgate/gateway/wire/payment"
	"tollgate/gateway/wire/service"
)

// dialects is every dialect there is. A new one is a folder below gateway/wire
// and a line here.
func dialects() []gateway.Dialect {
	return []gateway.Dialect{
		payment.Dialect{},
		oauth.Dialect{},
		oauth.Basic{},
		oauth.Signature{},
		service.Dialect{},
		apikey.Dialect{},
		envelope.Dialect{},
	}
}

// endpoints are the paths that tollgate answers itself. published says whether
// there is a public key to point clients to.
func (h *house) endpoints(cfg *configs.Config, published bool) []gateway.EndpointSpec {
	at := &cfg.Endpoints
	clients := oauth.ClientAuth{Post: cfg.Tokens.SecretPost}
	place := oauth.Place{Issuer: cfg.BaseURL(), Token: at.Token, Revoke: at.Revoke, Introspect: at.Introspect, Clients: clients}
	if published {
		place.JWKS = at.JWKS
	}
	tokens := service.Endpoint{Children: children{h}}
	var on []gateway.EndpointSpec
	for _, e := range []gateway.EndpointSpec{
		{Path: at.Token, Endpoint: &oauth.Token{Exchanger: h, Clients: clients}, Issues: true},
		{Path: at.Revoke, Endpoint: &oauth.Revoke{Revoker: h, Clients: clients}}, // also while no verdict may be given: it only ends
		{Path: at.Introspect, Endpoint: &oauth.Introspect{Introspector: h, Clients: clients}, Judges: true},
		{Path: at.Metadata, Endpoint: &oauth.Metadata{Place: place}},
		{Path: at.JWKS, Endpoint: &oauth.Keys{JWKS: h.keys.JWKS}},
		{Path: at.Auth, Endpoint: &envelope.Auth{Exchanger: h}, Issues: true},
		{Path: at.Authorize, Endpoint: &apikey.Authorize{Families: h}, Issues: true},
		{Path: at.RefreshToken, Endpoint: &apikey.Refresh{Families: h}, Issues: true},
		{Path: at.GetServiceTokens, Endpoint: &service.List{Endpoint: tokens}, Judges: true},
		{Path: at.CreateServiceToken, Endpoint: &service.Create{Endpoint: tokens}, Judges: true},
		{Path: at.DeleteServiceToken, Endpoint: &service.Delete{Endpoint: tokens}, Judges: true},
	} {
		if e.Path != "" {
			on = append(on, e)
		}
	}
	return on
}
