package issue

import (
	"context"

	"tollgate/policy/token"
)

// Client is the live record of a client id, recalled or else found in the store;
// token.ErrNotFound for one that nobody has, any other error when that could not
// be told. It proves nothing of whoever named the id.
func (x *Exchanger) Client(ctx context.Context, id string) (*token.Live, error) {
	if !isClientID([]byte(id)) {
		return nil, token.ErrNotFound
	}
	if live, _ := x.o.Memory.RecallClient(id); live != nil {
		return live, nil
	}
	live, _, err := x.find(ctx, id, token.At(x.o.Now()))
	switch {
	case err != nil:
		return nil, err
	case live == nil:
		return nil, token.ErrNotFound
	}
	return live, nil
}
