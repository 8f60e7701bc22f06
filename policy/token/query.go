package token

// signatureWord is the parameter of a query that holds signed parameters.
const signatureWord = "signature"

// NamesSignature reports whether some reader of queries would take name for
// "signature", or for a member of it: it is the same once escapes are undone,
// whatever its case, behind spaces, which PHP drops, and up to a [ or a dot that
// begins a member's name, or a NUL that ends a string in C.
func NamesSignature(name []byte) bool {
	matched := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(name) {
				return false
			}
			high, low := hexDigit(name[i+1]), hexDigit(name[i+2])
			if high > 15 || low > 15 {
				return false
			}
			c = high<<4 | low
			i += 2
		}
		switch {
		case matched == 0 && c == ' ':
		case matched == len(signatureWord):
			return c == '[' || c == '.' || c == 0
		case c|0x20 != signatureWord[matched]:
			return false
		default:
			matched++
		}
	}
	return matched == len(signatureWord)
}

// hexDigit is the value of a hexadecimal digit, more than 15 for anything else.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
