package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// strictCasing sets huma's own switch, once for the process: without it huma
// takes {"Name":…} for name, calls it valid, and leaves the field empty. The
// variable is huma's, not ours, and there is no other way to set it. Bodies are
// held by otherCase before huma sees them; this holds whatever huma reads itself.
var strictCasing = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

// checkShape holds a value against its schema and notes every member that is
// missing, unknown or of another type, in the order of their names. It answers
// the places of what cannot be read.
func checkShape(shapes huma.Registry, schema *huma.Schema, value any, f *faults) (places []string) {
	var found huma.ValidateResult
	huma.Validate(shapes, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, value, &found)
	type fault struct{ field, message string }
	var all []fault
	for _, err := range found.Errors {
		if d, ok := err.(*huma.ErrorDetail); ok {
			field, message := wordShape(d)
			places = append(places, d.Location)
			all = append(all, fault{field, message})
		}
	}
	slices.SortFunc(all, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.message, b.message))
	})
	for _, a := range all {
		f.misshapen(a.field, a.message)
	}
	return places
}

// leaveOut takes what is at a place out of a JSON value: a member goes, an item
// of a list becomes null so that those after it keep their places. A member's
// own name may have dots and brackets in it.
func leaveOut(value any, place string) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if name == place {
				delete(v, name)
			} else if rest, ok := strings.CutPrefix(place, name); ok {
				leaveOut(member, strings.TrimPrefix(rest, "."))
			}
		}
	case []any:
		index, rest, ok := strings.Cut(strings.TrimPrefix(place, "["), "]")
		i, err := strconv.Atoi(index)
		switch {
		case !ok || err != nil || i < 0 || i >= len(v):
		case rest == "":
			v[i] = nil
		default:
			leaveOut(v[i], strings.TrimPrefix(rest, "."))
		}
	}
}

// wordShape turns one of huma's findings into a field and a message of ours. It
// drops the value, which huma would send back.
func wordShape(d *huma.ErrorDetail) (field, message string) {
	field = d.Location
	if d.Message == validation.MsgUnexpectedProperty {
		return clip(field), "there is no such field here"
	}
	var missing string
	if _, err := fmt.Sscanf(d.Message, validation.MsgExpectedRequiredProperty, &missing); err == nil {
		return strings.TrimPrefix(field+"."+missing, "."), "is required"
	}
	return clip(field), d.Message
}

// clip bounds a field's name, which may be anything that was sent.
func clip(field string) string {
	const most = 100
	if len(field) <= most {
		return field
	}
	return strings.ToValidUTF8(field[:most], "") + "…"
}

// otherCase finds a member whose name equals a field's only when case is
// ignored: what one reader would take and another leave. It answers the
// member's path, "" for none.
func otherCase(shapes huma.Registry, schema *huma.Schema, value any, path string) string {
	for schema.Ref != "" {
		schema = shapes.SchemaFromRef(schema.Ref)
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range sortedKeys(v) {
			at := strings.TrimPrefix(path+"."+name, ".")
			sub, known := schema.Properties[name]
			if !known && foldsOnto(schema.Properties, name) {
				return clip(at)
			}
			if !known {
				sub, _ = schema.AdditionalProperties.(*huma.Schema)
			}
			if sub == nil {
				continue
			}
			if found := otherCase(shapes, sub, v[name], at); found != "" {
				return found
			}
		}
	case []any:
		if schema.Items == nil {
			return ""
		}
		for i, item := range v {
			if found := otherCase(shapes, schema.Items, item, path+"["+strconv.Itoa(i)+"]"); found != "" {
				return found
			}
		}
	}
	return ""
}

func foldsOnto(properties map[string]*huma.Schema, name string) bool {
	for known := range properties {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
