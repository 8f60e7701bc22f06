package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// remote is the admin API of a running gateway, as the command line reaches it.
type remote struct {
	Admin string `help:"URL of the admin listener." default:"http://127.0.0.1:9090" env:"TOLLGATE_ADMIN_URL" placeholder:"URL"`
	CA    string `help:"PEM file of who may sign the certificate of an https URL; default: whom the system trusts." name:"tls-ca" env:"TOLLGATE_CLIENT_CA" placeholder:"FILE"`
	Cert  string `help:"PEM file of a client certificate, for an admin listener that asks for one." name:"tls-cert" env:"TOLLGATE_CLIENT_CERT" placeholder:"FILE"`
	Pair  string `help:"PEM file of its key." name:"tls-key" env:"TOLLGATE_CLIENT_KEY" placeholder:"FILE"`
	Key   string `help:"Admin key; better given in the environment, where other users of the machine cannot see it." env:"TOLLGATE_ADMIN_KEY" placeholder:"tga_…"`
}

// output is how a command prints what it got.
type output struct {
	Output string `help:"How to print: text, or json as the admin API answered." short:"o" enum:"text,json" default:"text"`
}

// call makes one call of the admin API and decodes the answer into out. A
// refusal becomes an error that quotes what the API said was wrong.
func (r *remote) call(method, path string, body, out any) error {
	if r.Key == "" {
		return usagef("no admin key: set TOLLGATE_ADMIN_KEY (make one with: tollgate admin create-key -c FILE --name N --role admin)")
	}
	base, err := url.Parse(r.Admin)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return usagef("--admin %q is no URL; give one such as http://127.0.0.1:9090", withoutUser(r.Admin))
	}
	var sent io.Reader
	if body != nil {
		raw, isRaw := body.([]byte)
		if !isRaw {
			if raw, err = json.Marshal(body); err != nil {
				return err
			}
		}
		sent = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(r.Admin, "/")+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.Key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	config, err := r.tls()
	if err != nil {
		return err
	}
	client := http.Client{Transport: speaking(config), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the admin API at %s does not answer: %w; is tollgate running, and is this its admin listener (--admin)?", withoutUser(r.Admin), cause(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("the answer of %s broke off: %w", withoutUser(r.Admin), err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp.StatusCode, answer)
	}
	if raw, isRaw := out.(*[]byte); isRaw {
		*raw = answer
		return nil
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s answered something that is no admin API: %w", withoutUser(r.Admin), err)
	}
	return nil
}

// cause is what went wrong on a connection, without the words around it that
// repeat the URL.
func cause(err error) error {
	var call *url.Error
	if errors.As(err, &call) {
		err = call.Err
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		var system *os.SyscallError
		if errors.As(dial.Err, &system) {
			return system.Err
		}
		return dial.Err
	}
	return err
}

// refusal turns a problem document into one error of a line for each field.
func refusal(status int, answer []byte) error {
	var problem struct {
		Title, Detail, Code string
		RequestID           string `json:"request_id"`
		Errors              []struct{ Field, Message string }
	}
	if json.Unmarshal(answer, &problem) != nil || problem.Title == "" {
		return fmt.Errorf("refused with status %d", status)
	}
	text := fmt.Sprintf("%s (%d %s)", problem.Title, status, problem.Code)
	if problem.Detail != "" && len(problem.Errors) == 0 { // else it only says that there are some
		text += ": " + problem.Detail
	}
	for _, e := range problem.Errors {
		text += "\n  " + e.Field + ": " + e.Message
	}
	if problem.RequestID != "" {
		text += "\n  request " + problem.RequestID
	}
	return errors.New(text)
}

// indented prints an answer as it came, one member a line.
func indented(w io.Writer, answer []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, answer, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// withoutUser is a URL for a message: what stands before an @ may be a password.
func withoutUser(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return "…" + address[i:]
	}
	return address
}
