package admin

import (
	"net/http"
	"slices"

	"tollgate/policy/token"
)

// need is what an operation asks of its caller's role.
type need uint8

// The needs. Reading is for every role; a merchant's key reads its own
// merchant's records only, which each handler sees to by visit.mayRead.
const (
	needRead need = iota
	needTokens
	needMerchants
	needAdmin
)

var roleTable = [...][]token.Role{
	needRead:      {token.RoleAdmin, token.RoleOperator, token.RoleAuditor, token.RoleMerchant},
	needTokens:    {token.RoleAdmin, token.RoleOperator, token.RoleMerchant},
	needMerchants: {token.RoleAdmin, token.RoleOperator},
	needAdmin:     {token.RoleAdmin},
}

// allows reports whether a role fulfils the need.
func (n need) allows(r token.Role) bool { return slices.Contains(roleTable[n], r) }

// allOf reports whether the caller may see every merchant's records.
func (v *visit) allOf() bool { return v.role != token.RoleMerchant }

// mayRead reports whether the caller may see a record of the given merchant.
// Callers answer not found when it may not, in the very words for a record
// that does not exist.
func (v *visit) mayRead(merchant string) bool {
	return v.allOf() || merchant == v.merchant
}

// scope is the one merchant whose records the caller may list; "" for all.
func (v *visit) scope() string {
	if v.allOf() {
		return ""
	}
	return v.merchant
}

// isAdmin reports whether the caller has the role admin.
func (v *visit) isAdmin() bool { return v.role == token.RoleAdmin }

func forbidden(detail string) *problem {
	return refuse(http.StatusForbidden, codeForbidden, detail)
}

// notFound is the one answer for a record that does not exist and for one of
// another merchant.
func notFound(noun string) *problem {
	return refuse(http.StatusNotFound, codeNotFound, "There is no such "+noun+".")
}
