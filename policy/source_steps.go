package policy

import (
	"fmt"
	"slices"
	"strings"

	"tollgate/policy/token"
)

// Op is what a transform does with a value.
type Op uint8

// The transforms.
const (
	StepUpper  Op = iota // ASCII letters to upper case
	StepSuffix           // what stands behind the last separator; without one the word is unknown
	StepAlias            // the catalogue's own name of a country, or of an operator in the country found
	StepTable            // a preset's own table; a word it does not know is kept and matches nothing
	StepAlpha3           // an ISO 3166-1 alpha-3 country code to alpha-2
	StepDial             // a dial code to the country that has it
	StepRegion           // an international number to the country it begins with the dial code of
	StepConcat           // the value of a second source in front of this one
	StepDigits           // a phone written as bare international digits, without plus
)

// Silent is the meaning in a preset's table of a word that says nothing of the
// fact, so that another source has to.
const Silent = "-"

// Step is one transform of a source.
type Step struct {
	Op     Op
	Text   string            // StepSuffix: the separator; StepTable: the table's name
	Table  map[string]string // StepTable
	Second *Source           // StepConcat
}

// stepForms is how each transform is written and which facts it is for, in the
// order of the constants.
var stepForms = [...]struct {
	text  string
	kinds []token.FactKind
}{
	StepUpper:  {"upper", []token.FactKind{token.FactCountry, token.FactOperator, token.FactMethod}},
	StepSuffix: {"suffix:_", []token.FactKind{token.FactCountry, token.FactOperator, token.FactMethod}},
	StepAlias:  {"alias", []token.FactKind{token.FactCountry, token.FactOperator}},
	StepTable:  {"alias:<table>", []token.FactKind{token.FactCountry, token.FactOperator, token.FactMethod}},
	StepAlpha3: {"alpha3", []token.FactKind{token.FactCountry}},
	StepDial:   {"dial", []token.FactKind{token.FactCountry}},
	StepRegion: {"region", []token.FactKind{token.FactCountry}},
	StepConcat: {"concat:(source)", []token.FactKind{token.FactPhone}},
	StepDigits: {"digits", []token.FactKind{token.FactPhone}},
}

// String is how the transform is written.
func (o Op) String() string { return stepForms[o].text }

func (o Op) fits(k token.FactKind) bool { return slices.Contains(stepForms[o].kinds, k) }

func (o Op) kinds() string {
	words := make([]string, 0, token.FactKinds)
	for _, k := range stepForms[o].kinds {
		words = append(words, k.String())
	}
	return strings.Join(words, ", ")
}

func parseStep(text string) (Step, error) {
	word, arg, _ := strings.Cut(text, ":")
	plain := text == word
	switch {
	case plain && word == "upper":
		return Step{Op: StepUpper}, nil
	case plain && word == "alias":
		return Step{Op: StepAlias}, nil
	case plain && word == "alpha3":
		return Step{Op: StepAlpha3}, nil
	case plain && word == "dial":
		return Step{Op: StepDial}, nil
	case plain && word == "region":
		return Step{Op: StepRegion}, nil
	case plain && word == "digits":
		return Step{Op: StepDigits}, nil
	case word == "suffix":
		if len(arg) != 1 || !printable(arg) || alphanumeric(arg[0]) {
			return Step{}, fmt.Errorf("%q: suffix needs one separator that is no letter and no digit, such as suffix:_", text)
		}
		return Step{Op: StepSuffix, Text: arg}, nil
	case word == "alias" && arg != "":
		return Step{Op: StepTable, Text: arg}, nil
	case word == "concat":
		return parseConcat(arg)
	}
	return Step{}, fmt.Errorf("%q is no transform; write upper, suffix:_, alias, alias:<table>, alpha3, dial, region, concat:(source) or digits", text)
}

func parseConcat(arg string) (Step, error) {
	inner, open := strings.CutPrefix(arg, "(")
	inner, shut := strings.CutSuffix(inner, ")")
	if !open || !shut {
		return Step{}, fmt.Errorf("concat needs the source that goes in front in parentheses, such as concat:(json:/prefix)")
	}
	s, err := ParseSource(inner)
	if err != nil {
		return Step{}, fmt.Errorf("concat: %w", err)
	}
	if len(s.Steps) > 0 || s.Origin == FromToken {
		return Step{}, fmt.Errorf("concat: %q must be a plain place of the request or a const, without transforms", inner)
	}
	return Step{Op: StepConcat, Second: &s}, nil
}

// pairs checks that each value of a source finds the one value that belongs in
// front of it: both stand in the same element, or there is only one in front.
func pairs(first, second *Source) error {
	for i := range first.Steps {
		if first.Steps[i].Op == StepConcat {
			return fmt.Errorf("concat can be used once in a source")
		}
	}
	stars := lastEach(second.Pointer)
	if stars == 0 {
		return nil
	}
	same := first.Origin == second.Origin && first.Name == second.Name
	if !same || stars != lastEach(first.Pointer) || !slices.Equal(first.Pointer[:stars], second.Pointer[:stars]) {
		return fmt.Errorf("concat: %q must reach into the same array elements as %q, or into none", second.Text, "/"+strings.Join(first.Pointer, "/"))
	}
	return nil
}

// lastEach is one more than the index of the last Each, 0 without one.
func lastEach(pointer []string) int {
	for i := len(pointer) - 1; i >= 0; i-- {
		if pointer[i] == Each {
			return i + 1
		}
	}
	return 0
}
