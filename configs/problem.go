package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one mistake in a configuration: where it stands, which key it is
// about, what is wrong and what would do. It never quotes a secret.
type Problem struct {
	File    string // the file as it was named to Load; or the environment variable
	Line    int    // from 1; 0 when File is an environment variable
	Column  int    // from 1, in characters
	Key     string // its path, such as routes[0].match.path; "yaml" for what is no YAML
	Message string
}

// String is file:line:column: key: message, or VARIABLE: key: message.
func (p Problem) String() string {
	at := p.File
	if p.Line > 0 {
		at += ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	}
	return at + ": " + p.Key + ": " + p.Message
}

// Problems is all that is wrong, as one error.
type Problems []Problem

// Error is one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// sorted puts the problems in the order of the file, those of the environment
// last.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			-cmp.Compare(min(a.Line, 1), min(b.Line, 1)),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Key, b.Key),
		)
	})
	return problems
}

// quoteWord shows what should have been a word or a number. Nobody means anything
// so long by one: more likely it is a secret that slipped into the wrong line.
func quoteWord(text string) string {
	const most = 28 // as the longest rate has
	if len(text) > most {
		return fmt.Sprintf("a text of %d bytes", len(text))
	}
	return quote(text)
}

// quote shows a value in a message: in quotes, without control characters, and
// cut when it is long. Secrets are never handed to it.
func quote(text string) string {
	const most = 80
	if len(text) <= most {
		return strconv.Quote(text)
	}
	cut := most
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return strconv.Quote(text[:cut]) + "…"
}
