package wire

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
)

// readMultipart reads a multipart/form-data body (RFC 7578) by the boundary
// that it begins with, which need not be the one that a Content-Type names. A
// file, a part in a transfer encoding that would have to be undone, and a body
// that ends early are refused.
func readMultipart(body []byte) (f Fields, ok bool) {
	line, _, found := bytes.Cut(body, []byte("\r\n"))
	boundary := line[len("--"):]
	if !found || len(boundary) == 0 || len(boundary) > maxBoundary || !printable(boundary) {
		return Fields{}, false
	}
	if !bytes.HasSuffix(bytes.TrimSuffix(body, []byte("\r\n")), append(line[:len(line):len(line)], "--"...)) {
		return Fields{}, false // cut short, which the library does not always notice
	}
	parts := multipart.NewReader(bytes.NewReader(body), string(boundary))
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, true
		}
		if err != nil || part.FormName() == "" || part.FileName() != "" || !plainPart(part) {
			return Fields{}, false
		}
		value, err := io.ReadAll(part)
		if err != nil || !f.add([]byte(part.FormName()), value) {
			return Fields{}, false
		}
	}
}

// maxBoundary is the longest boundary that RFC 2046 §5.1.1 allows.
const maxBoundary = 70

// plainPart reports whether the part's bytes are its value as they stand.
func plainPart(p *multipart.Part) bool {
	switch p.Header.Get("Content-Transfer-Encoding") {
	case "", "7bit", "8bit", "binary":
		return true
	}
	return false
}
