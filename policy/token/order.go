package token

import "time"

// Order is a request for an access token, as a dialect's endpoint read it. Its
// slices are borrowed from the request.
type Order struct {
	Dialect      string
	ClientID     []byte
	ClientSecret []byte
	Scope        []byte // space separated; nil: not asked for
	Environment  Environment
	Source       Source
	Now          time.Time
}

// Grant is what an order was answered with. The secret in it is for the wire
// alone and is never kept.
type Grant struct {
	AccessToken string
	IssuedAt    time.Time
	ExpiresAt   time.Time
	Scope       string // as granted, when it was asked for
	Handle      Handle // whose, for the log
	Merchant    string
}
