package admin

import (
	"net/url"
	"strings"
	"unicode"

	"tollgate/policy/token"
)

// How long the texts of a record may be, in bytes of UTF-8.
const (
	maxName        = 200
	maxDescription = 4000
	maxURL         = 200
)

// checkName notes what is wrong with a record's name.
func checkName(f *faults, field, name string) {
	switch {
	case strings.TrimSpace(name) == "":
		f.add(field, "give a name that is not blank")
	case len(name) > maxName:
		f.add(field, "a name may have 200 bytes")
	case strings.ContainsFunc(name, unicode.IsControl):
		f.add(field, "a name holds no control characters")
	}
}

// checkDescription notes what is wrong with a description; it may be empty and
// may have several lines.
func checkDescription(f *faults, field, text string) {
	if len(text) > maxDescription {
		f.add(field, "a description may have 4000 bytes")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }) {
		f.add(field, "a description holds no control characters but tabs and line ends")
	}
}

// The two formats of a webhook: one event a call, or several.
const (
	webhookSingle   = "single"
	webhookMultiple = "multiple"
)

// checkWebhook notes what is wrong with a webhook and gives it its default
// format. The URL may be empty: no events are sent.
func checkWebhook(f *faults, w token.Webhook) token.Webhook {
	if w.Format == "" {
		w.Format = webhookSingle
	}
	if w.Format != webhookSingle && w.Format != webhookMultiple {
		f.add("webhook.format", "write single or multiple")
	}
	if w.URL == "" {
		return w
	}
	u, err := url.Parse(w.URL)
	switch {
	case len(w.URL) > maxURL:
		f.add("webhook.url", "a URL may have 200 bytes")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		f.add("webhook.url", "write a whole URL, such as https://example.com/hook")
	case u.User != nil:
		f.add("webhook.url", "a URL holds no user name or password: it is shown in lists")
	case u.Fragment != "":
		f.add("webhook.url", "leave out the part after #, which is never sent")
	}
	return w
}
