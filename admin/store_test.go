package admin_test

import (
	"tollgate/admin"
	"tollgate/store"
)

// What the store offers is what this room asks for.
var _ admin.Store = (*store.Store)(nil)
