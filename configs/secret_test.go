package configs

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	jsonv2 "github.com/go-json-experiment/json"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v4"
)

// canary is a secret that must be found nowhere, in no spelling.
const canary = "c4n4ry-8f3a9b1c7d5e2f4a6b8c0d1e3f5a"

// mustNotTell fails when text holds the canary as it is, in hex, in base64, in
// decimal bytes or as a part of itself.
func mustNotTell(t *testing.T, where, text string) {
	t.Helper()
	decimal := strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	for _, form := range []string{canary, canary[4:20], hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:40], decimal, decimal[:20]} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			t.Errorf("%s tells the secret: %s", where, text)
			return
		}
	}
}

// A Secret prints as nothing wherever it is printed, alone or inside something
// else, in an exported field or an unexported one.
func TestSecretPrintsAsNothing(t *testing.T) {
	s := NewSecret([]byte(canary))
	values := map[string]any{
		"value":      s,
		"pointer":    &s,
		"exported":   struct{ Key Secret }{s},
		"unexported": struct{ key Secret }{s},
		"nested":     &struct{ inner *struct{ key Secret } }{&struct{ key Secret }{s}},
		"list":       []Secret{s},
		"map":        map[string]Secret{"a": s},
		"header":     Header{Value: s},
		"config":     &Config{Admin: Admin{BootstrapKey: s}, Upstreams: map[string]Upstream{"a": {SignKey: s, Headers: map[string]Header{"X": {Value: s}}}}},
		"error":      errors.Join(fmt.Errorf("wrapped: %v", s)),
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%t", "%p", "%T", "%10.5s", "%e"} {
			mustNotTell(t, name+" with "+verb, fmt.Sprintf(verb, v))
		}
		mustNotTell(t, name+" printed", fmt.Sprint(v))
		if b, err := json.Marshal(v); err == nil {
			mustNotTell(t, name+" as JSON", string(b))
		}
		if b, err := jsonv2.Marshal(v); err == nil {
			mustNotTell(t, name+" as JSON v2", string(b))
		}
		if b, err := xml.Marshal(v); err == nil {
			mustNotTell(t, name+" as XML", string(b))
		}
		if b, err := yaml.Dump(v); err == nil {
			mustNotTell(t, name+" as YAML", string(b))
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
		zap.New(core).Info("m", zap.Any("v", v), zap.Reflect("r", v))
		zap.New(core).Sugar().Infof("%+v", v)
		if err := template.Must(template.New("").Parse("{{.}} {{printf \"%#v\" .}}")).Execute(&out, v); err != nil {
			t.Error(err)
		}
		mustNotTell(t, name+" in logs and templates", out.String())
	}
}

// The secret is still there for the one who uses it, who gets bytes that nobody
// else holds.
func TestSecretRevealsItsOwnCopies(t *testing.T) {
	given := []byte(canary)
	s := NewSecret(given)
	given[0] = 'X'
	first := s.Reveal()
	first[1] = 'X'
	if got := string(s.Reveal()); got != canary {
		t.Errorf("it reveals %q", got)
	}
	if !s.Given() || NewSecret(nil).Given() || NewSecret(nil).Reveal() != nil {
		t.Error("it does not know whether it was given")
	}
	if !s.Equal(NewSecret([]byte(canary))) || s.Equal(NewSecret([]byte("other"))) || s.Equal(Secret{}) || !(Secret{}).Equal(Secret{}) {
		t.Error("it does not know what it equals")
	}
}
