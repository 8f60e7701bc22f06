package configs

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"strings"

	"tollgate/policy"
)

// shipped holds the data that comes with the binary: presets, the catalogue
// and the annotated defaults.
//
//go:embed presets/*.yaml catalogue.yaml tollgate.yaml
var shipped embed.FS

// preset is how one operation of one provider says its facts, as a file of
// presets/ has it.
type preset struct {
	Name      string                       `yaml:"name"` // the file's, without .yaml
	About     string                       `yaml:"about"`
	Documents string                       `yaml:"documents"` // where the provider documents it
	Facts     Facts                        `yaml:"facts"`
	Require   map[string]string            `yaml:"require"`
	Tables    map[string]map[string]string `yaml:"tables"`
	Number    bool                         `yaml:"number"`
	OnMissing string                       `yaml:"on_missing"`
}

// text is a copy of the preset's facts.
func (p *preset) text() policy.FactsText {
	return policy.FactsText{
		Country: p.Facts.Country, Operator: p.Facts.Operator, Method: p.Facts.Method, Phone: p.Facts.Phone,
		Require: maps.Clone(p.Require), Tables: p.Tables,
		AllowMissing: p.OnMissing == "allow", Number: p.Number,
	}
}

// Presets is how the facts of each provider's operation are found, by the name
// that a route's preset key has. An error means that the binary was built with
// a broken preset; it names the file, line and column.
func Presets() (map[string]policy.FactsText, error) {
	presets, err := readPresets()
	if err != nil {
		return nil, err
	}
	texts := make(map[string]policy.FactsText, len(presets))
	for name, p := range presets {
		texts[name] = p.text()
	}
	return texts, nil
}

func readPresets() (map[string]preset, error) {
	files, err := fs.Glob(shipped, "presets/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing the presets: %w", err)
	}
	presets := make(map[string]preset, len(files))
	var problems Problems
	for _, file := range files {
		data, err := shipped.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a preset: %w", err)
		}
		p, wrong := readPreset(file, data)
		problems = append(problems, wrong...)
		presets[p.Name] = p
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return presets, nil
}

// readPreset reads one preset as strictly as a configuration.
func readPreset(file string, data []byte) (preset, []Problem) {
	p := preset{OnMissing: "deny"}
	r := newReader(reflect.TypeFor[preset](), file, "")
	r.readYAML(data, reflect.ValueOf(&p).Elem())
	if want := strings.TrimSuffix(path.Base(file), ".yaml"); p.Name != want {
		r.fail("name", "%s is not the file's name; write %s", quote(p.Name), want)
	}
	r.oneOf("on_missing", p.OnMissing, "deny", "allow")
	if p.About == "" || p.Documents == "" {
		r.fail("about", "about and documents are missing; say what the operation is, and where its provider documents it")
	}
	if _, errs := policy.ParseFacts(p.text()); !r.isBroken("facts") {
		for _, e := range errs {
			if e.Key != "facts" || !r.isBrokenBelow("facts") {
				r.fail(presetKey(e.Key), "%s", e.Message)
			}
		}
	}
	return p, sorted(r.problems)
}

// presetKey is the preset's key for what policy calls phone[1], facts,
// require.SOURCE or tables.NAME.
func presetKey(fact string) string {
	head, rest, _ := strings.Cut(fact, ".")
	switch head {
	case "facts":
		return head
	case "require", "tables":
		if rest == "" {
			return head
		}
		return below(head, rest)
	}
	return "facts." + fact
}

// Sample is the annotated tollgate.yaml: every key with its default. The
// caller owns the bytes.
func Sample() []byte {
	data, err := shipped.ReadFile("tollgate.yaml")
	if err != nil {
		panic("BUG: tollgate.yaml is not embedded: " + err.Error())
	}
	return data
}
