package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// parsePointer reads an RFC 6901 pointer into unescaped member names, with *
// for every element of an array. The index of one element is refused: the
// elements beside it would go unread.
func parsePointer(text string) ([]string, error) {
	if !strings.HasPrefix(text, "/") {
		return nil, fmt.Errorf("%q is no pointer; it starts with /, such as json:/payer/phone", text)
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("%q is no pointer: it must be UTF-8 without NUL", text)
	}
	words := strings.Split(text[1:], "/")
	if len(words) > maxPointerDepth {
		return nil, fmt.Errorf("%q goes %d deep; at most %d", text, len(words), maxPointerDepth)
	}
	for i, word := range words {
		if word == "" {
			return nil, fmt.Errorf("%q has an empty name; name each member on the way", text)
		}
		if strings.Trim(word, "0123456789") == "" {
			return nil, fmt.Errorf("%q reads only element %s; write * so that every element is read", text, word)
		}
		name, err := unescapePointer(word)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		words[i] = name
	}
	return words, nil
}

func unescapePointer(word string) (string, error) {
	for i := 0; i < len(word); i++ {
		if word[i] != '~' {
			continue
		}
		if i++; i == len(word) || word[i] != '0' && word[i] != '1' {
			return "", fmt.Errorf("~ must be written ~0, and / inside a name ~1")
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(word, "~1", "/"), "~0", "~"), nil
}
