package oauth

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// readForm reads the body of a POST that must be a form. The reason is Allowed,
// MethodNotRouted or InvalidRequest; the fields alias the body.
func readForm(req *fasthttp.Request) (wire.Fields, token.Reason) {
	if !req.Header.IsPost() {
		return wire.Fields{}, token.MethodNotRouted
	}
	if !isForm(req.Header.ContentType()) || wire.Encoded(&req.Header) {
		return wire.Fields{}, token.InvalidRequest
	}
	form, ok := wire.ReadForm(req.Body())
	if !ok {
		return wire.Fields{}, token.InvalidRequest
	}
	return form, token.Allowed
}

// isForm reports whether a Content-Type is the form type, with no parameter or
// charset=utf-8 (RFC 6749 §3.2: parameters are UTF-8).
func isForm(contentType []byte) bool {
	kind, parameters, has := bytes.Cut(contentType, []byte{';'})
	if !bytes.EqualFold(bytes.TrimSpace(kind), []byte("application/x-www-form-urlencoded")) {
		return false
	}
	return !has || bytes.EqualFold(bytes.TrimSpace(parameters), []byte("charset=utf-8"))
}
