package main

import (
	"tollgate/configs"
	"tollgate/gateway"
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

// own is what stands behind the endpoints.
type own struct {
	exchanger oauth.Exchanger
	jwks      func() []byte
	published bool // jwks has a key
}

// endpoints are the paths that tollgate answers itself.
func endpoints(cfg *configs.Config, o own) []gateway.EndpointSpec {
	place := oauth.Place{Issuer: cfg.BaseURL(), Token: cfg.Endpoints.Token}
	if o.published {
		place.JWKS = cfg.Endpoints.JWKS
	}
	var list []gateway.EndpointSpec
	add := func(e gateway.EndpointSpec) {
		if e.Path != "" {
			list = append(list, e)
		}
	}
	add(gateway.EndpointSpec{Path: cfg.Endpoints.Token, Endpoint: &oauth.Token{Exchanger: o.exchanger}, Issues: true})
	add(gateway.EndpointSpec{Path: cfg.Endpoints.Metadata, Endpoint: &oauth.Metadata{Place: place}})
	add(gateway.EndpointSpec{Path: cfg.Endpoints.JWKS, Endpoint: &oauth.Keys{JWKS: o.jwks}})
	return list
}
