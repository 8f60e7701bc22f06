package transcript

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Values are what placeholders stand for: what earlier calls of the admin API
// and earlier answers gave. Now is the time of the request.
type Values struct {
	Now   time.Time
	Named map[string]string
}

// Fill replaces the placeholders of a text. One that has no value is an error.
func (v *Values) Fill(text string) (string, error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "{{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, rest, closed := strings.Cut(after, "}}")
		if !closed {
			return "", fmt.Errorf("{{%s is not closed", after)
		}
		value, err := v.value(name)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = rest
	}
}

// value is what one placeholder stands for.
func (v *Values) value(name string) (string, error) {
	if pair, is := strings.CutPrefix(name, "basic "); is {
		id, secret, _ := strings.Cut(pair, " ")
		left, err := v.word(id)
		if err != nil {
			return "", err
		}
		right, err := v.word(secret)
		if err != nil {
			return "", err
		}
		return base64.StdEncoding.EncodeToString([]byte(left + ":" + right)), nil
	}
	if shift, is := strings.CutPrefix(name, "now"); is && (shift == "" || shift[0] == '+' || shift[0] == '-') {
		seconds := 0
		if shift != "" {
			var err error
			if seconds, err = strconv.Atoi(shift); err != nil {
				return "", fmt.Errorf("{{%s}}: %w", name, err)
			}
		}
		return strconv.FormatInt(v.Now.Unix()+int64(seconds), 10), nil
	}
	return v.word(name)
}

// word is a named value, or behind a = the word itself.
func (v *Values) word(name string) (string, error) {
	if literal, is := strings.CutPrefix(name, "="); is {
		return literal, nil
	}
	value, known := v.Named[name]
	if !known {
		return "", fmt.Errorf("nothing is called {{%s}}", name)
	}
	return value, nil
}

// Compose gives the bytes of the request: placeholders filled in, the head's
// lines ended by CRLF, a Host and a Content-Length added where they are missing,
// and signatures made. JWSs that directives define are added to the values.
func (e *Exchange) Compose(v *Values) ([]byte, error) {
	for _, d := range e.Directives {
		if d.Word == "jws" {
			if err := v.sign(d.Rest); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Place, err)
			}
		}
	}
	text, err := v.Fill(e.Request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Place, err)
	}
	head, body, hasBody := strings.Cut(text, "\n\n")
	if _, crlf := e.Find("crlf"); crlf {
		body = strings.ReplaceAll(body, "\n", "\r\n") + "\r\n"
	}
	lines := strings.Split(head, "\n")
	if !has(lines, "Host") {
		lines = append(lines, "Host: gw")
	}
	if (hasBody || strings.HasPrefix(head, "POST ")) && !has(lines, "Content-Length") && !has(lines, "Transfer-Encoding") {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	if rest, signed := e.Find("mac"); signed {
		more, err := v.mac(rest, lines[0], body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Place, err)
		}
		lines = append(lines, more...)
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body), nil
}

func has(lines []string, name string) bool {
	for _, l := range lines[1:] {
		if got, _, _ := strings.Cut(l, ":"); strings.EqualFold(got, name) {
			return true
		}
	}
	return false
}

// sign makes a compact JWS: a name to keep it under, the name of its key, its
// header without spaces, and its payload.
func (v *Values) sign(rest string) error {
	rest, err := v.Fill(rest)
	if err != nil {
		return err
	}
	parts := strings.SplitN(rest, " ", 4)
	if len(parts) != 4 {
		return fmt.Errorf("@jws needs a name, a key, a header and a payload, not %q", rest)
	}
	key, err := v.word(parts[1])
	if err != nil {
		return err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(parts[2])) + "." + encode([]byte(parts[3]))
	v.Named[parts[0]] = text + "." + encode(mac(key, text))
	return nil
}

// mac signs a request: the name of a client id, the name of its signing secret,
// and what is to be signed in place of the truth, as t=, method=, target= or
// body=.
func (v *Values) mac(rest, requestLine, body string) ([]string, error) {
	rest, err := v.Fill(rest)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(rest, " ")
	if len(parts) < 2 {
		return nil, fmt.Errorf("@mac needs a client id and a key, not %q", rest)
	}
	client, err := v.word(parts[0])
	if err != nil {
		return nil, err
	}
	key, err := v.word(parts[1])
	if err != nil {
		return nil, err
	}
	line := strings.Fields(requestLine)
	signed := map[string]string{"t": strconv.FormatInt(v.Now.Unix(), 10), "method": line[0], "target": line[1], "body": body}
	for _, change := range parts[2:] {
		name, value, _ := strings.Cut(change, "=")
		if _, known := signed[name]; !known {
			return nil, fmt.Errorf("@mac cannot change %q", name)
		}
		signed[name] = value
	}
	sum := sha256.Sum256([]byte(signed["body"]))
	text := signed["t"] + "." + signed["method"] + "\n" + signed["target"] + "\n" + hex.EncodeToString(sum[:])
	return []string{"X-Client-Id: " + client, "X-Signature: t=" + signed["t"] + ",v1=" + hex.EncodeToString(mac(key, text))}, nil
}

func mac(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}
