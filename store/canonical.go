package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"tollgate/policy/token"
)

// object is a JSON object on its way into a row.
type object = map[string]any

// raw is JSON that is canonical already.
type raw []byte

// canonical writes v as JSON in the one form RFC 8785 gives it: members sorted,
// no spaces, nothing escaped that need not be. Equal values make equal bytes,
// which the audit hashes need and comparisons may use. It knows the types that
// this package stores; whole numbers must stay below 2⁵³.
func canonical(v any) ([]byte, error) { return appendCanonical(nil, v) }

func appendCanonical(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendString(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case raw:
		return append(b, v...), nil
	case []string:
		return appendList(b, v)
	case []any:
		return appendList(b, v)
	case object:
		return appendObject(b, v)
	case map[string][]string:
		return appendObject(b, v)
	case token.Composition:
		return appendObject(b, v)
	}
	return nil, fmt.Errorf("canonical JSON: a %T has no form", v)
}

func appendList[T any](b []byte, list []T) (_ []byte, err error) {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendCanonical(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendObject[M ~map[string]T, T any](b []byte, m M) (_ []byte, err error) {
	// RFC 8785 §3.2.3 sorts by UTF-16 units, which is not the order of the bytes.
	names := slices.SortedFunc(maps.Keys(m), func(x, y string) int {
		return cmp.Or(slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y))), cmp.Compare(x, y))
	})
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		if b, err = appendCanonical(b, m[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendString quotes as RFC 8785 §3.2.2.2 does. Bytes that are no UTF-8 become
// the replacement character: JSON cannot carry them.
func appendString(b []byte, s string) []byte {
	const short = "btn?fr" // for U+0008 to U+000D
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= 8 && r <= 13 && r != 11:
			b = append(b, '\\', short[r-8])
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
