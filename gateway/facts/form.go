package facts

import (
	"bytes"
	"unicode/utf8"
)

// form reads an application/x-www-form-urlencoded body (WHATWG URL §5) whole.
// It refuses what form readers are known to read differently: a name twice, a
// semicolon, which some take for an ampersand, an escape that is none, a NUL, a
// control character, bytes that are no UTF-8, and names that only some readers
// would take for a field that is looked for.
func (w *work) form(body []byte) bool {
	base := len(w.names)
	for more := true; more; {
		var pair []byte
		pair, body, more = bytes.Cut(body, []byte("&"))
		if len(pair) == 0 {
			continue
		}
		for _, c := range pair {
			if c < ' ' || c == 0x7f || c == ';' {
				return w.scan.fail(faultForm)
			}
		}
		rawName, rawValue, _ := bytes.Cut(pair, []byte("="))
		name, ok := w.formText(rawName)
		if !ok {
			return false
		}
		if !w.addName(base, name) {
			return w.scan.fail(faultDuplicate)
		}
		f, ok := w.formField(name)
		if !ok {
			return w.scan.fail(faultLookalike)
		}
		value, ok := w.formText(rawValue)
		if !ok || f != nil && !w.formValue(f, value) {
			return false
		}
	}
	if !w.endNames(base, w.scan.program.seed) {
		return w.scan.fail(faultDuplicate)
	}
	return true
}

// formText decodes a name or value of a form.
func (w *work) formText(raw []byte) (text []byte, ok bool) {
	text, ok = w.decode(raw, true)
	if !ok || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, w.scan.fail(faultForm)
	}
	return text, true
}

// formField is the field that a name stands for; nil when none is looked for
// by it. ok is false for a name that only some readers would take for one, or
// that belongs in another part of the request.
func (w *work) formField(name []byte) (f *field, ok bool) {
	p := w.scan.program
	for i := range p.form {
		if p.form[i].name == string(name) {
			return &p.form[i], true
		}
	}
	for i := range p.form {
		if resembles(name, p.form[i].name) {
			return nil, false
		}
	}
	for _, banned := range p.bans {
		if resembles(name, banned) {
			return nil, false
		}
	}
	return nil, true
}

// formValue takes the value of a field, and of a field that holds JSON the
// values inside.
func (w *work) formValue(f *field, value []byte) bool {
	if !w.flat(f.slots, value) {
		return false
	}
	if f.nested == nil {
		return true
	}
	if len(value) == 0 {
		w.hollow |= f.nested.below
		return true
	}
	return w.scan.run(value, f.nested)
}

// flat takes a value that is plain text for slots.
func (w *work) flat(slots []uint8, value []byte) bool {
	for _, slot := range slots {
		switch {
		case len(value) == 0:
			w.hollow |= w.scan.program.slots[slot].group
		case bytes.IndexByte(value, 0) >= 0:
			return w.scan.fail(faultNUL)
		case len(w.hits) == maxHits:
			return w.scan.fail(faultMany)
		default:
			w.hits = append(w.hits, hit{slot, 0, value})
		}
	}
	return true
}

// query takes the parameters that sources read. A parameter that is no source
// is nobody's business, unless it has the name of a field that the body holds.
func (w *work) query(text []byte) bool {
	p := w.scan.program
	if len(text) == 0 || len(p.query) == 0 && len(p.shadows) == 0 {
		return true
	}
	for more := true; more; {
		var pair []byte
		pair, text, more = bytes.Cut(text, []byte("&"))
		// Some readers split at a semicolon too: what stands behind one must
		// not be a payment field to them.
		for first := true; ; first = false {
			piece, rest, cut := bytes.Cut(pair, []byte(";"))
			if !w.parameter(piece, first && !cut) {
				return false
			}
			if !cut {
				break
			}
			pair = rest
		}
	}
	return true
}

// parameter takes one name and value of the query. It is whole when every
// reader takes it for one parameter.
func (w *work) parameter(piece []byte, whole bool) bool {
	rawName, rawValue, _ := bytes.Cut(piece, []byte("="))
	name, ok := w.decode(rawName, true)
	if !ok || bytes.IndexByte(name, 0) >= 0 {
		return w.scan.fail(faultQuery)
	}
	p := w.scan.program
	for i := range p.shadows {
		if resembles(name, p.shadows[i]) {
			return w.scan.fail(faultQuery)
		}
	}
	for i := range p.query {
		f := &p.query[i]
		if !resembles(name, f.name) {
			continue
		}
		value, ok := w.decode(rawValue, true)
		bit := uint32(1) << i
		if !ok || !whole || f.name != string(name) || w.queried&bit != 0 || !utf8.Valid(value) {
			return w.scan.fail(faultQuery)
		}
		w.queried |= bit
		return w.flat(f.slots, value)
	}
	return true
}

// path takes the path's variables.
func (w *work) path(list []Param) bool {
	p := w.scan.program
	for i := range p.params {
		f := &p.params[i]
		for j := range list {
			if list[j].Name != f.name {
				continue
			}
			value, ok := w.decode(list[j].Value, false)
			if !ok || !utf8.Valid(value) {
				return w.scan.fail(faultPath)
			}
			if !w.flat(f.slots, value) {
				return false
			}
		}
	}
	return true
}

// decode undoes percent escapes, and of a form the plus for a space. A text
// without either is answered as it is. ok is false for an escape that is none.
func (w *work) decode(raw []byte, plus bool) (text []byte, ok bool) {
	at := 0
	for at < len(raw) && raw[at] != '%' && (raw[at] != '+' || !plus) {
		at++
	}
	if at == len(raw) {
		return raw, true
	}
	out := w.scan.out
	start := len(out.Scratch)
	out.Scratch = append(out.Scratch, raw[:at]...)
	for ; at < len(raw); at++ {
		c := raw[at]
		switch {
		case c == '+' && plus:
			c = ' '
		case c == '%':
			if at+2 >= len(raw) {
				return nil, false
			}
			high, low := unhex(raw[at+1]), unhex(raw[at+2])
			if high < 0 || low < 0 {
				return nil, false
			}
			c = byte(high<<4 | low)
			at += 2
		}
		out.Scratch = append(out.Scratch, c)
	}
	return out.Scratch[start:len(out.Scratch):len(out.Scratch)], true
}

// resembles reports whether some reader of forms would take name for want, or
// for a member of it: it is the same but for letter case, up to a [ or a dot
// that begins a member's name, or PHP makes it the same by dropping spaces in
// front and writing _ for a dot or space.
func resembles(name []byte, want string) bool {
	name = bytes.TrimLeft(name, " ")
	if at := bytes.IndexByte(name, '['); at > 0 {
		name = name[:at]
	}
	if foldsTo(name, want) {
		return true
	}
	if at := bytes.IndexByte(name, '.'); at > 0 && foldsTo(name[:at], want) {
		return true
	}
	if len(name) != len(want) {
		return false
	}
	for i, c := range name {
		d := want[i]
		if lower(c) == lower(d) || d == '_' && (c == '.' || c == ' ') {
			continue
		}
		return false
	}
	return true
}
