package transcript

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Exchange is one request and the answer that is expected.
type Exchange struct {
	Place      string // file:line of the request
	Name       string // the comment above it
	Directives []Directive
	Request    string // head, empty line, body; lines end in LF, placeholders stand
	Want       Answer
}

// Directive is one line that begins with @: what to do before the request, or
// how to send it.
type Directive struct {
	Word string // admin, jws, mac, upstream, crlf, repeat, eventually, outage
	Rest string
}

// Answer is what is expected.
type Answer struct {
	Status  int
	Headers []Header
	Body    string   // to the letter, placeholders aside
	Pieces  []string // or: each must stand in the body somewhere
}

// Header is a header that the answer must have, or must not have.
type Header struct {
	Name, Value string
	Absent      bool
}

// Directives there are, and whether they take something behind the word.
var words = map[string]bool{
	"admin": true, "jws": true, "mac": true, "upstream": true, "repeat": true,
	"crlf": false, "eventually": false, "outage": false,
}

// Parse reads a file. The error names the line.
func Parse(name, text string) (list []Exchange, err error) {
	line := 1
	for part := range strings.SplitSeq(text, "\n===\n") {
		e, err := parse(part, name, line)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		line += strings.Count(part, "\n") + 2
	}
	return list, nil
}

// parse reads one exchange that begins at a line of a file.
func parse(part, name string, line int) (e Exchange, err error) {
	var comment []string
	rest := part
	for {
		var first string
		next := ""
		first, next, _ = strings.Cut(rest, "\n")
		switch {
		case strings.HasPrefix(first, "#"):
			comment = append(comment, strings.TrimSpace(first[1:]))
		case strings.HasPrefix(first, "@"):
			word, argument, _ := strings.Cut(first[1:], " ")
			if takes, known := words[word]; !known || takes != (argument != "") {
				return e, fmt.Errorf("%s:%d: %q is no directive, or says too much or too little", name, line, first)
			}
			e.Directives = append(e.Directives, Directive{word, argument})
		case first != "":
			e.Place, e.Name = fmt.Sprintf("%s:%d", name, line), strings.Join(comment, " ")
			request, answer, found := strings.Cut(rest, "\n---\n")
			if !found || e.Name == "" {
				return e, fmt.Errorf("%s: a comment, a request, a line --- and an answer are needed", e.Place)
			}
			e.Request = request
			if e.Want, err = parseAnswer(answer); err != nil {
				return e, fmt.Errorf("%s: %w", e.Place, err)
			}
			return e, e.check()
		}
		if next == "" {
			return e, fmt.Errorf("%s:%d: there is no request here", name, line)
		}
		rest = next
		line++
	}
}

// check looks at what can be told without sending anything.
func (e *Exchange) check() error {
	head, _, _ := strings.Cut(e.Request, "\n\n")
	lines := strings.Split(head, "\n")
	if len(strings.Fields(lines[0])) != 3 || !strings.HasSuffix(lines[0], " HTTP/1.1") {
		return fmt.Errorf("%s: %q is no request line", e.Place, lines[0])
	}
	for _, l := range lines[1:] {
		if name, _, found := strings.Cut(l, ":"); !found || name == "" || strings.Contains(name, " ") {
			return fmt.Errorf("%s: %q is no header", e.Place, l)
		}
	}
	return nil
}

func parseAnswer(text string) (a Answer, err error) {
	head, body, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	version, status, _ := strings.Cut(lines[0], " ")
	if a.Status, err = strconv.Atoi(strings.TrimSpace(status)); err != nil || version != "HTTP/1.1" {
		return a, fmt.Errorf("%q is no status line; write HTTP/1.1 and the status", lines[0])
	}
	for _, l := range lines[1:] {
		if absent, is := strings.CutPrefix(l, "!"); is {
			a.Headers = append(a.Headers, Header{Name: absent, Absent: true})
			continue
		}
		name, value, found := strings.Cut(l, ": ")
		if !found {
			return a, fmt.Errorf("%q is no header", l)
		}
		a.Headers = append(a.Headers, Header{Name: name, Value: value})
	}
	if !strings.HasPrefix(body, "~") {
		a.Body = body
		return a, nil
	}
	for l := range strings.SplitSeq(body, "\n") {
		piece, is := strings.CutPrefix(l, "~")
		if !is || piece == "" {
			return a, fmt.Errorf("%q stands among pieces and does not begin with ~", l)
		}
		a.Pieces = append(a.Pieces, piece)
	}
	return a, nil
}

// Find gives the argument of a directive, and whether the exchange has it.
func (e *Exchange) Find(word string) (rest string, found bool) {
	i := slices.IndexFunc(e.Directives, func(d Directive) bool { return d.Word == word })
	if i < 0 {
		return "", false
	}
	return e.Directives[i].Rest, true
}

// Count is the number behind a directive, or otherwise where there is none.
func (e *Exchange) Count(word string, otherwise int) (int, error) {
	rest, found := e.Find(word)
	if !found {
		return otherwise, nil
	}
	n, err := strconv.Atoi(rest)
	if err != nil {
		return 0, fmt.Errorf("%s: @%s needs a number, not %q", e.Place, word, rest)
	}
	return n, nil
}
