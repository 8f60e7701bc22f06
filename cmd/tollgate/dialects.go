package main

import (
	"tollgate/configs"
	"tollgate/gateway"
	"tollgate/gateway/auth"
	"tollgate/gateway/issue"
	"tollgate/gateway/wire/oauth"
	"tollgate/gateway/wire/payment"
)

// dialects is every dialect there is. A new one is a folder below gateway/wire
// and a line here.
func dialects() []gateway.Dialect {
	return []gateway.Dialect{
		payment.Dialect{},
		oauth.Dialect{},
	}
}

// endpoints are the paths that tollgate answers itself.
func endpoints(cfg *configs.Config, exchanger *issue.Exchanger, keys *auth.KeySet) []gateway.EndpointSpec {
	place := oauth.Place{Issuer: cfg.BaseURL(), Token: cfg.Endpoints.Token}
	if keys.Publishes() {
		place.JWKS = cfg.Endpoints.JWKS
	}
	var list []gateway.EndpointSpec
	add := func(e gateway.EndpointSpec) {
		if e.Path != "" {
			list = append(list, e)
		}
	}
	add(gateway.EndpointSpec{Path: cfg.Endpoints.Token, Endpoint: &oauth.Token{Exchanger: exchanger}, Issues: true})
	add(gateway.EndpointSpec{Path: cfg.Endpoints.Metadata, Endpoint: &oauth.Metadata{Place: place}})
	add(gateway.EndpointSpec{Path: cfg.Endpoints.JWKS, Endpoint: &oauth.Keys{JWKS: keys.JWKS}})
	return list
}
