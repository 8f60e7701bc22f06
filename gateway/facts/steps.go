package facts

import (
	"bytes"
	"fmt"

	"tollgate/policy"
	"tollgate/policy/token"
)

// step is one transform, compiled.
type step struct {
	op        policy.Op
	separator byte
	table     map[string][]byte
}

// compileSteps turns a source's transforms into the slot's, and gives the value
// that goes in front a slot of its own.
func (p *Program) compileSteps(sl *slot, src *policy.Source) error {
	for i := range src.Steps {
		from := &src.Steps[i]
		switch from.Op {
		case policy.StepDigits:
			sl.digits = true
		case policy.StepConcat:
			if err := p.compileFront(sl, from.Second); err != nil {
				return err
			}
		case policy.StepAlias:
			if sl.kind == token.FactOperator {
				p.named |= 1 << sl.source // when the countries are known
				break
			}
			sl.steps = append(sl.steps, step{op: from.Op})
		case policy.StepTable:
			table := make(map[string][]byte, len(from.Table))
			for word, meaning := range from.Table {
				if meaning == policy.Silent {
					table[word] = nil
					continue
				}
				table[word] = []byte(meaning)
			}
			sl.steps = append(sl.steps, step{op: from.Op, table: table})
		case policy.StepSuffix:
			sl.steps = append(sl.steps, step{op: from.Op, separator: from.Text[0]})
		case policy.StepUpper, policy.StepAlpha3, policy.StepDial, policy.StepRegion:
			sl.steps = append(sl.steps, step{op: from.Op})
		default:
			return fmt.Errorf("facts: %q has a transform this package does not know", src.Text)
		}
	}
	return nil
}

// front is the value that goes in front of a slot's.
type front struct {
	number   uint8  // counts the fronts of the program
	slot     uint8  // where it is read
	paired   bool   // there is one in each array element, not one for all
	constant []byte // instead of a slot
}

// maxFronts is how many sources can have something in front.
const maxFronts = 16

func (p *Program) compileFront(sl *slot, src *policy.Source) error {
	sl.front = &front{paired: hasEach(src.Pointer), number: p.fronts}
	if p.fronts++; p.fronts > maxFronts {
		return fmt.Errorf("facts: more than %d sources use concat", maxFronts)
	}
	if src.Origin == policy.FromConst {
		sl.front.constant = []byte(src.Name)
		return nil
	}
	read := slot{role: roleFront, kind: sl.kind, number: sl.number, group: p.freeGroup()}
	if err := p.add(read, src); err != nil {
		return err
	}
	sl.front.slot = uint8(len(p.slots) - 1)
	return nil
}

func hasEach(pointer []string) bool {
	for _, word := range pointer {
		if word == policy.Each {
			return true
		}
	}
	return false
}

// upper folds ASCII letters, in scratch space when there is one to fold.
func (w *work) upper(value []byte) []byte {
	at := bytes.IndexFunc(value, func(r rune) bool { return 'a' <= r && r <= 'z' })
	if at < 0 {
		return value
	}
	value = w.own(value)
	for i, c := range value {
		if 'a' <= c && c <= 'z' {
			value[i] = c - ('a' - 'A')
		}
	}
	return value
}

// own copies a value into scratch space.
func (w *work) own(value []byte) []byte { return w.join(value, nil) }

func (w *work) join(a, b []byte) []byte {
	out := w.scan.out
	start := len(out.Scratch)
	out.Scratch = append(append(out.Scratch, a...), b...)
	return out.Scratch[start:len(out.Scratch):len(out.Scratch)]
}

// text puts a word into scratch space.
func (w *work) text(word string) []byte {
	out := w.scan.out
	start := len(out.Scratch)
	out.Scratch = append(out.Scratch, word...)
	return out.Scratch[start:len(out.Scratch):len(out.Scratch)]
}
