package token

// Message is a request as X-Signature signs it: raw, as it came, with the
// signature that stands in its head. Its slices are borrowed from the request.
type Message struct {
	Presented *Presented // of KindMAC
	Method    string
	Target    []byte // path and query, byte for byte
	Body      []byte // whole
}
