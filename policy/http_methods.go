package policy

import (
	"fmt"
	"strings"
)

// httpMethods is a set of HTTP methods, one bit each.
type httpMethods uint16

var knownMethods = [...]string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
}

func compileHTTPMethods(list []string) (set httpMethods, err error) {
	for _, m := range list {
		bit := methodBit(m)
		if bit == 0 {
			return 0, fmt.Errorf("compiling the HTTP methods: %q is none", m)
		}
		set |= bit
	}
	if set&methodBit("GET") != 0 {
		set |= methodBit("HEAD") // HEAD follows GET
	}
	return set, nil
}

func methodBit(method string) httpMethods {
	for i := range knownMethods {
		if knownMethods[i] == method {
			return 1 << i
		}
	}
	return 0
}

// String lists the methods of the set.
func (s httpMethods) String() string {
	var names []string
	for i, m := range knownMethods {
		if s&(1<<i) != 0 {
			names = append(names, m)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
