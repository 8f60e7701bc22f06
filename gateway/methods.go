package gateway

// method is an HTTP method that the gateway knows. Any other token in its place
// is 501: an upstream might take it for something that no rule here foresaw.
type method uint8

const (
	methodUnknown method = iota
	methodGet
	methodHead
	methodPost
	methodPut
	methodPatch
	methodDelete
	methodOptions
	methodCount
)

var methodNames = [methodCount]string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// methodOf reads a method as it was sent. Methods are case-sensitive (RFC 9110
// §9.1).
func methodOf(b []byte) method {
	switch string(b) {
	case "GET":
		return methodGet
	case "POST":
		return methodPost
	case "HEAD":
		return methodHead
	case "PUT":
		return methodPut
	case "PATCH":
		return methodPatch
	case "DELETE":
		return methodDelete
	case "OPTIONS":
		return methodOptions
	}
	return methodUnknown
}

// String is the method's own name; "" for one that is not known, whose bytes a
// stranger chose and no log repeats.
func (m method) String() string { return methodNames[m] }
