package service

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// readData reads `{"data":{…}}`. detail says what is wrong with the body and
// what would do; "" when it is good.
func readData(h *fasthttp.RequestHeader, body []byte) (data map[string]any, detail string) {
	if !isJSON(h.ContentType()) || wire.Encoded(h) {
		return nil, "Send the body as application/json, without content encoding."
	}
	o, ok := wire.ReadObject(body)
	if !ok {
		return nil, `The body is not one JSON object that can be read in one way only; send {"data":{…}}.`
	}
	if data, ok = o["data"].(map[string]any); !ok {
		return nil, `The body has no object "data"; send {"data":{…}}.`
	}
	return data, ""
}

// isJSON reports whether a Content-Type is JSON, with no parameter or
// charset=utf-8.
func isJSON(contentType []byte) bool {
	kind, parameters, has := bytes.Cut(contentType, []byte{';'})
	if !bytes.EqualFold(bytes.TrimSpace(kind), []byte("application/json")) {
		return false
	}
	return !has || bytes.EqualFold(bytes.TrimSpace(parameters), []byte("charset=utf-8"))
}

// readChild reads what a child is asked to be. A member that it does not know
// is refused: a bound that is misspelt would be a bound that is not set.
func readChild(data map[string]any) (o token.ChildOrder, detail string) {
	for name := range data {
		if name != "groupID" && name != "permissions" && name != "ipWhitelist" {
			return o, "data." + strconv.Quote(token.Redact(name)) + " is not known; send groupID, permissions and ipWhitelist."
		}
	}
	if o.Merchant, _ = data["groupID"].(string); o.Merchant == "" {
		return o, "data.groupID is missing; send the groupID of your own tokens as a string."
	}
	asked, ok := readStrings(data["permissions"])
	if !ok || len(asked) == 0 {
		return o, "data.permissions is missing or empty; send a list of read, write or HTTP methods."
	}
	for _, word := range asked {
		method := methodOf(word)
		if method == "" {
			return o, "data.permissions holds " + strconv.Quote(token.Redact(word)) + "; send read, write or HTTP methods such as PUT."
		}
		if !slices.Contains(o.Methods, method) {
			o.Methods = append(o.Methods, method)
		}
	}
	if ranges, given := data["ipWhitelist"]; given && ranges != nil {
		if o.IPRanges, ok = readStrings(ranges); !ok {
			return o, "data.ipWhitelist is no list of strings; send IP addresses or ranges, or leave it empty for those of your own token."
		}
	}
	return o, ""
}

// methodOf is the HTTP method that a permission stands for; "" for a word that
// is none.
func methodOf(word string) string {
	switch word {
	case "read":
		return "GET"
	case "write":
		return "POST"
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return word
	}
	return ""
}

// readStrings reads a list of which every element is a string.
func readStrings(value any) (list []string, ok bool) {
	elements, ok := value.([]any)
	if !ok {
		return nil, false
	}
	for _, e := range elements {
		text, is := e.(string)
		if !is {
			return nil, false
		}
		list = append(list, text)
	}
	return list, true
}
