package admin

import "net/http"

// forms reads the bodies of the operations that have one.
type forms struct {
	merchant      form[merchantOrder]
	merchantPatch form[merchantPatch]
	token         form[tokenOrder]
	tokenPatch    form[tokenPatch]
	rotate        form[rotateOrder]
	phone         form[phoneOrder]
	phonePatch    form[phonePatch]
	explain       form[explainOrder]
	key           form[keyOrder]
	user          form[userOrder]
	userPatch     form[userPatch]
	password      form[passwordOrder]
}

func (s *service) readForms() {
	shapes := s.api.OpenAPI().Components.Schemas
	s.forms = forms{
		merchant:      formOf[merchantOrder](shapes),
		merchantPatch: formOf[merchantPatch](shapes),
		token:         formOf[tokenOrder](shapes),
		tokenPatch:    formOf[tokenPatch](shapes),
		rotate:        formOf[rotateOrder](shapes),
		phone:         formOf[phoneOrder](shapes),
		phonePatch:    formOf[phonePatch](shapes),
		explain:       formOf[explainOrder](shapes),
		key:           formOf[keyOrder](shapes),
		user:          formOf[userOrder](shapes),
		userPatch:     formOf[userPatch](shapes),
		password:      formOf[passwordOrder](shapes),
	}
}

// register is the whole surface of the API: what is called, what it asks of the
// caller's role, and what carries it out.
func (s *service) register() {
	const (
		get, post    = http.MethodGet, http.MethodPost
		patch, del   = http.MethodPatch, http.MethodDelete
		created      = http.StatusCreated
		nothing      = http.StatusNoContent
		merchants    = "/admin/v1/merchants"
		oneMerchant  = merchants + "/{id}"
		tokens       = "/admin/v1/tokens"
		oneToken     = tokens + "/{id}"
		phones       = oneToken + "/phones"
		onePhone     = phones + "/{e164}"
		keys         = "/admin/v1/keys"
		oneKey       = keys + "/{id}"
		ok           = http.StatusOK
		explain      = "/admin/v1/explain"
		audit        = "/admin/v1/audit"
		catalog      = "/admin/v1/catalog"
		revoke       = oneToken + "/revoke"
		rotateSecret = oneToken + "/rotate"
		generate     = oneToken + "/generate"
		hookSecret   = oneMerchant + "/webhook_secret"
		users        = "/admin/v1/users"
		oneUser      = users + "/{id}"
		password     = oneUser + "/password"
	)
	handle(s, operation{post, merchants, "add-merchant", "Add a merchant", needMerchants, created}, s.addMerchant)
	handle(s, operation{get, merchants, "list-merchants", "List merchants", needRead, ok}, s.listMerchants)
	handle(s, operation{get, oneMerchant, "find-merchant", "Read a merchant", needRead, ok}, s.findMerchant)
	handle(s, operation{patch, oneMerchant, "change-merchant", "Change a merchant, or suspend it", needMerchants, ok}, s.changeMerchant)
	handle(s, operation{post, hookSecret, "show-webhook-secret", "Show what signs the events of a merchant's tokens", needTokens, ok}, s.webhookSecret)

	handle(s, operation{post, tokens, "add-token", "Make a token and its secrets, which this answer alone shows", needTokens, created}, s.addToken)
	handle(s, operation{get, tokens, "list-tokens", "List tokens", needRead, ok}, s.listTokens)
	handle(s, operation{get, oneToken, "find-token", "Read a token", needRead, ok}, s.findToken)
	handle(s, operation{patch, oneToken, "change-token", "Change a token by an RFC 7396 merge patch", needTokens, ok}, s.changeToken)
	handle(s, operation{del, oneToken, "end-token", "Revoke a token", needTokens, ok}, s.revokeToken)
	handle(s, operation{post, revoke, "revoke-token", "Revoke a token", needTokens, ok}, s.revokeToken)
	handle(s, operation{post, rotateSecret, "rotate-token", "Make a new generation of a secret, which this answer alone shows", needTokens, ok}, s.rotate)
	handle(s, operation{post, generate, "generate-tokens", "Make client credentials and a pair of tokens, which this answer alone shows; what was generated before ends", needTokens, ok}, s.generate)

	handle(s, operation{get, phones, "list-phones", "List a token's phone numbers", needRead, ok}, s.listPhones)
	handle(s, operation{post, phones, "add-phone", "Associate a phone number with a token", needTokens, created}, s.addPhone)
	handle(s, operation{patch, onePhone, "change-phone", "Enable or disable a phone number", needTokens, ok}, s.changePhone)
	handle(s, operation{del, onePhone, "end-phone", "Take a phone number from a token", needTokens, nothing}, s.endPhone)

	handle(s, operation{post, explain, "explain", "Say why a request would be allowed or refused", needRead, ok}, s.explain)
	handle(s, operation{get, audit, "list-audit", "Read the audit log", needRead, ok}, s.listAudit)
	handle(s, operation{get, catalog, "read-catalog", "Read the catalogue of countries, operators and methods", needRead, ok}, s.catalog)

	handle(s, operation{post, keys, "add-key", "Make an admin key, which this answer alone shows", needAdmin, created}, s.addKey)
	handle(s, operation{get, keys, "list-keys", "List admin keys", needAdmin, ok}, s.listKeys)
	handle(s, operation{del, oneKey, "end-key", "End an admin key", needAdmin, ok}, s.endKey)

	handle(s, operation{post, users, "add-user", "Add a user; a password that is made is shown in this answer alone", needAdmin, created}, s.addUser)
	handle(s, operation{get, users, "list-users", "List users", needAdmin, ok}, s.listUsers)
	handle(s, operation{get, oneUser, "find-user", "Read a user", needAdmin, ok}, s.findUser)
	handle(s, operation{patch, oneUser, "change-user", "Change a user, or disable it", needAdmin, ok}, s.changeUser)
	handle(s, operation{del, oneUser, "end-user", "Remove a user", needAdmin, nothing}, s.endUser)
	handle(s, operation{post, password, "set-password", "Give a user another password", needAdmin, ok}, s.setPassword)
}
