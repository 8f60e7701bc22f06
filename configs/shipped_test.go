package configs

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/policy"
)

// Every preset that ships loads, is named after its file, and its sources are
// ones that policy can read.
func TestPresetsLoad(t *testing.T) {
	presets, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("presets/*.yaml")
	if err != nil || len(files) != len(presets) || len(files) == 0 {
		t.Errorf("%d presets of %d files (%v)", len(presets), len(files), err)
	}
	for name, text := range presets {
		if _, errs := policy.ParseFacts(text); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
		if _, err := os.Stat(filepath.Join("presets", name+".yaml")); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{ // details.md, for the providers of this version
		"clapay", "digitalpaye-collect", "digitalpaye-transfer", "pawapay-deposit", "pawapay-payout", "pawapay-refund", "fedapay",
		"hub2-payment", "hub2-transfer", "mtn-momo-collect", "mtn-momo-transfer", "wave-payout", "wave-checkout",
		"flutterwave-charge", "flutterwave-transfer",
	} {
		if _, ok := presets[name]; !ok {
			t.Errorf("there is no preset %s", name)
		}
	}
}

// A preset is read as strictly as a configuration, and says where it is wrong.
func TestBrokenPresetSaysWhere(t *testing.T) {
	_, problems := readPreset("presets/right.yaml", []byte(`name: wrong
about: x
fact: {country: [json:/c]}
facts:
  country: [json]
  phone: ["json:/p | louder"]
require: {json:x: y}
tables: {t: {}}
on_missing: maybe
`))
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		"presets/right.yaml:1:7: name: ", "presets/right.yaml:2:8: about: ", "presets/right.yaml:3:1: fact: unknown key; did you mean facts?",
		"presets/right.yaml:9:13: on_missing: ",
	}
	for _, line := range want {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, line) }) {
			t.Errorf("%s is missing in\n%s", line, strings.Join(got, "\n"))
		}
	}
	_, problems = readPreset("presets/a.yaml", []byte("name: a\nabout: x\ndocuments: y\nfacts: {country: [json]}\nrequire: {json:x: y}\ntables: {t: {}}\n"))
	for i, line := range []string{"presets/a.yaml:4:19: facts.country[0]: ", `presets/a.yaml:5:19: require["json:x"]: `, "presets/a.yaml:6:13: tables.t: "} {
		if i >= len(problems) || !strings.HasPrefix(problems[i].String(), line) {
			t.Errorf("%s is missing in %v", line, problems)
		}
	}
}

// The shipped catalogue loads, knows the West African countries of the seeds,
// and resolves the codes that providers use.
func TestShippedCatalogue(t *testing.T) {
	c, err := ShippedCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Methods(); !slices.Equal(got, []string{"collect", "disburse", "cashout", "card", "refund"}) {
		t.Errorf("the methods are %v", got)
	}
	for _, code := range []string{"CI", "CIV", "ci", "ML", "SN", "BJ", "TG", "NE", "CM"} {
		if _, known := c.Country([]byte(code)); !known {
			t.Errorf("%s is not known", code)
		}
	}
	if id, _ := c.Operator("CI", []byte("orange_money_ci")); id != "ORANGE" {
		t.Errorf("ORANGE_MONEY_CI is %q", id)
	}
	own, err := LoadCatalogue("catalogue.yaml")
	if err != nil || len(own.Countries()) != len(c.Countries()) {
		t.Errorf("as a file it is another: %v", err)
	}
}

// A catalogue that is wrong or not there is a Problems with places.
func TestLoadCatalogueSaysWhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.yaml")
	_, err := LoadCatalogue(path)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].File != path {
		t.Errorf("a missing file: %v", err)
	}
	write(t, path, "methods: [collect, collect]\ncountries:\n  CI: {dial: \"225\", colour: red}\n")
	if _, err = LoadCatalogue(path); err == nil || !strings.HasPrefix(err.Error(), path+":3:21: countries.CI.colour: unknown key") {
		t.Errorf("an unknown key: %v", err)
	}
	write(t, path, "methods: [collect, collect]\ncountries:\n  CI: {dial: \"0\"}\n  ML: {dial: x}\n")
	_, err = LoadCatalogue(path)
	if !errors.As(err, &problems) || len(problems) != 3 || problems[0].Line != 1 || problems[1].Line != 3 || problems[2].Line != 4 {
		t.Errorf("three mistakes: %v", err)
	}
}

// The package has no init and no state: its one variable is what is embedded.
func TestNoGlobalsButTheEmbeddedFiles(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s has an init", file)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR && v.Names[0].Name != "shipped" {
						t.Errorf("%s has the variable %s", file, v.Names[0].Name)
					}
				}
			}
		}
	}
}
