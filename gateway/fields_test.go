package gateway

import (
	"bytes"
	"strings"
	"testing"

	"tollgate/policy/token"
)

// Two of a header that is one are refused, whatever the case of their names; two
// of a list are not.
func TestSingletonHeadersAreSingle(t *testing.T) {
	lists := map[string]bool{"x-forwarded-for": true, "forwarded": true, "x-request-id": true, "connection": true}
	for _, name := range fieldNames {
		if name == "" {
			continue
		}
		value, host := "1", "Host: a\r\n"
		switch name {
		case "host":
			host = ""
		case "trailer", "transfer-encoding", "expect":
			continue // refused for more than that; the corpus has them
		}
		block := host + name + ": " + value + "\r\n" + strings.ToUpper(name) + ": " + value + "\r\n\r\n"
		want := token.MalformedRequest
		if lists[name] {
			want = token.Allowed
		}
		if _, got := scanned(t, "POST", block); got != want {
			t.Errorf("two of %s: %v, want %v", name, got, want)
		}
		if _, got := scanned(t, "POST", host+name+": "+value+"\r\n\r\n"); got != token.Allowed {
			t.Errorf("one %s: %v", name, got)
		}
	}
}

// slowLine is scanLine one byte at a time, and slowField fieldOf by folding: what
// the fast ones must be equal to.
func slowLine(block []byte) (name, value, rest []byte, ok bool) {
	i := 0
	for i < len(block) && isTokenChar[block[i]] {
		i++
	}
	if i == 0 || i == len(block) || block[i] != ':' {
		return nil, nil, nil, false
	}
	name = block[:i]
	start := i + 1
	for i = start; i < len(block) && isValueChar[block[i]]; i++ {
	}
	if i+1 >= len(block) || block[i] != '\r' || block[i+1] != '\n' {
		return nil, nil, nil, false
	}
	return name, block[start:i], block[i+2:], true
}

func slowField(name []byte) fieldKind {
	for f, known := range fieldNames {
		if known != "" && strings.ToLower(string(name)) == known {
			return fieldKind(f)
		}
	}
	return fieldOther
}

// The scan's fast reading of lines, values and names is the slow one's.
func FuzzScanLine(f *testing.F) {
	for _, name := range fieldNames {
		f.Add([]byte(name + ": value of some length\r\nX: y\r\n\r\n"))
		f.Add([]byte(strings.ToUpper(name) + ":\tcaf\xe9 \xff~\x7f\r\n"))
	}
	for _, seed := range []string{"X:\r\n", "X: y\n", "X: y\r", "X : y\r\n", ": y\r\n", "X: 1234567\x00\r\n", "X: \x1f12345678\r\n", "X: \xff~12345\r\n", "X: 0123456789abcdef\x0101234567\r\n", "X: 0123456789abcdef0123456\x7f\r\n", "X:0123456789abcdef\r\n", "X: 0123456789abcdef0123456789abcde\n", "Content\rLength: 5\r\n", "content\x0dtype: a\r\n", "X"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		field, colon, end := scanLine(block)
		ok := field != fieldNone
		var name, value, rest []byte
		if ok {
			name, value, rest = block[:colon], block[colon+1:end], block[end+2:]
		}
		slowName, slowValue, slowRest, slowOK := slowLine(block)
		if ok != slowOK || !bytes.Equal(name, slowName) || !bytes.Equal(value, slowValue) || !bytes.Equal(rest, slowRest) {
			t.Fatalf("%q: %q %q %q %v, want %q %q %q %v", block, name, value, rest, ok, slowName, slowValue, slowRest, slowOK)
		}
		if ok && field != slowField(name) {
			t.Fatalf("%q is field %d, want %d", name, field, slowField(name))
		}
		if got, want := isFieldValue(block), areValueChars(block); got != want {
			t.Fatalf("%q is a field value: %v, want %v", block, got, want)
		}
	})
}
