package configs

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"tollgate/policy"
)

// catalogueFile is a catalogue as it is written.
type catalogueFile struct {
	Methods   []string               `yaml:"methods"`
	Countries map[string]countryFile `yaml:"countries"` // by alpha-2
}

type countryFile struct {
	Alpha3    string                  `yaml:"alpha3"`
	Name      string                  `yaml:"name"`
	Dial      string                  `yaml:"dial"`
	Currency  string                  `yaml:"currency"`
	Lengths   []int                   `yaml:"lengths"`
	Trunk     bool                    `yaml:"trunk"`
	Legacy    legacyFile              `yaml:"legacy"`
	Operators map[string]operatorFile `yaml:"operators"` // by id
}

type legacyFile struct {
	Length int    `yaml:"length"`
	Prefix string `yaml:"prefix"`
}

type operatorFile struct {
	Name    string   `yaml:"name"`
	Aliases []string `yaml:"aliases"`
}

// ShippedCatalogue is the catalogue that comes with tollgate. An error means
// that the binary was built with a broken one.
func ShippedCatalogue() (*policy.Catalogue, error) {
	data, err := shipped.ReadFile("catalogue.yaml")
	if err != nil {
		return nil, fmt.Errorf("reading the shipped catalogue: %w", err)
	}
	c, problems := readCatalogue("catalogue.yaml", data)
	if len(problems) > 0 {
		return nil, Problems(problems)
	}
	return c, nil
}

// LoadCatalogue reads a catalogue file as strictly as a configuration. Its
// error is a Problems, with everything that is wrong and where.
func LoadCatalogue(path string) (*policy.Catalogue, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, Problems{{File: path, Line: 1, Column: 1, Key: "catalog", Message: err.Error()}}
	}
	c, problems := readCatalogue(path, data)
	if len(problems) > 0 {
		return nil, Problems(problems)
	}
	return c, nil
}

func readCatalogue(path string, data []byte) (*policy.Catalogue, []Problem) {
	var file catalogueFile
	r := newReader(reflect.TypeFor[catalogueFile](), path, "")
	r.readYAML(data, reflect.ValueOf(&file).Elem())
	if len(r.problems) > 0 {
		return nil, sorted(r.problems)
	}
	c, err := policy.NewCatalogue(file.countries(), file.Methods)
	if err != nil {
		r.blame(err)
		return nil, sorted(r.problems)
	}
	return c, nil
}

// countries puts the countries in order of their codes, so that a catalogue
// comes out the same each time.
func (f *catalogueFile) countries() []policy.Country {
	list := make([]policy.Country, 0, len(f.Countries))
	for _, alpha2 := range slices.Sorted(maps.Keys(f.Countries)) {
		from := f.Countries[alpha2]
		to := policy.Country{
			Alpha2: alpha2, Alpha3: from.Alpha3, Name: from.Name, Dial: from.Dial, Currency: from.Currency,
			Lengths: from.Lengths, Trunk: from.Trunk,
			Legacy: policy.Legacy{Length: from.Legacy.Length, Prefix: from.Legacy.Prefix},
		}
		for _, id := range slices.Sorted(maps.Keys(from.Operators)) {
			to.Operators = append(to.Operators, policy.Operator{ID: id, Name: from.Operators[id].Name, Aliases: from.Operators[id].Aliases})
		}
		list = append(list, to)
	}
	return list
}

// blame puts each error of policy.NewCatalogue down to the country or method
// that it names.
func (r *reader) blame(err error) {
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, e := range list {
		key, message, _ := strings.Cut(e.Error(), ": ")
		if alpha2, ok := strings.CutPrefix(key, "country "); ok {
			key = below("countries", alpha2)
		} else if !strings.HasPrefix(key, "methods") {
			key, message = "countries", e.Error()
		}
		r.failAt(r.origin(key), key, "%s", message)
	}
}
