package facts

// fault says in one sentence what is wrong with a request. Faults are constants:
// they quote nothing of the request.
type fault string

// What a JSON text can be refused for.
const (
	faultSyntax    fault = "The body is not one valid JSON value."
	faultTrailing  fault = "Something follows the JSON value of the body."
	faultUTF8      fault = "The body is not valid UTF-8."
	faultSurrogate fault = "The body has half of a surrogate pair in a string."
	faultDepth     fault = "The body is nested more than 64 deep."
	faultDuplicate fault = "The body has a member name or field twice in one place."
	faultLookalike fault = "The body has a name that some readers would take for a payment field: it differs from it only in letter case, or belongs in another part of the request."
	faultType      fault = "A payment field of the body has another type than it should."
	faultNUL       fault = "A payment field holds a NUL character."
	faultMany      fault = "The request names too many parties; send them in smaller batches."
)

// Faults of what is around the body.
const (
	faultTypes      fault = "The request has more than one Content-Type."
	faultEncoded    fault = "The body is encoded; send it without Content-Encoding."
	faultWantJSON   fault = "The body must be application/json in UTF-8."
	faultWantForm   fault = "The body must be application/x-www-form-urlencoded."
	faultWantEither fault = "The body must be application/json in UTF-8 or application/x-www-form-urlencoded."
	faultHeader     fault = "A header that carries a payment field stands twice, or under a name that some servers would take for it."
	faultQuery      fault = "A payment field stands in the query twice, or where only the body may have it, or in a way that servers read differently."
	faultUnsigned   fault = "A payment field stands beside the signed parameters; sign it too, or leave it out."
	faultPath       fault = "The path has an escape that cannot be read."
	faultForm       fault = "The form has an escape, a semicolon, a control character or a byte that servers read differently."
)
