package admin

import (
	"strings"
	"unicode"

	"tollgate/policy/token"
)

// How long the texts of a record may be, in bytes of UTF-8.
const (
	maxName        = 200
	maxDescription = 4000
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

// The two formats of a webhook: an event as one JSON object on one line, or as
// one JSON object a line for each of its fields.
const (
	webhookSingle   = "single"
	webhookMultiple = "multiple"
)

// checkWebhook notes what is wrong with a webhook and gives it its default
// format. The URL may be empty: no events are sent. One that stood before stays,
// whatever the rules have become: the sender holds it to them.
func (s *service) checkWebhook(f *faults, before, w token.Webhook) token.Webhook {
	w = orSingle(w)
	if w.Format != webhookSingle && w.Format != webhookMultiple {
		f.add("webhook.format", "write single or multiple")
	}
	if w.URL == "" || w.URL == before.URL {
		return w
	}
	if err := s.webhooks.Check(w.URL); err != nil {
		f.add("webhook.url", err.Error())
	}
	return w
}
