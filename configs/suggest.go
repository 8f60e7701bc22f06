package configs

import (
	"reflect"
	"strings"
)

// unknownKey says what would do instead of a key that means nothing: the key
// that was meant, the place where such a key belongs, or the keys there are.
func (r *reader) unknownKey(name, meant string, known []string) string {
	if meant != "" {
		return "unknown key; did you mean " + meant + "?"
	}
	if places := placesOf(name, r.root, ""); len(places) > 0 {
		return "unknown key here; it belongs in " + strings.Join(places, " or ")
	}
	return "unknown key; the keys here are " + strings.Join(known, ", ")
}

// placesOf lists the mappings under t that have a key of that name.
func placesOf(name string, t reflect.Type, at string) []string {
	switch t.Kind() {
	case reflect.Pointer:
		return placesOf(name, t.Elem(), at)
	case reflect.Slice:
		return placesOf(name, t.Elem(), at+"[]")
	case reflect.Map:
		return placesOf(name, t.Elem(), at+".<name>")
	case reflect.Struct:
	default:
		return nil
	}
	var places []string
	for _, f := range fields(t) {
		if f.name == name {
			places = append(places, strings.TrimPrefix(at, "."))
		}
		places = append(places, placesOf(name, t.Field(f.index).Type, at+"."+f.name)...)
	}
	return places
}

// nearest is the word of the list that name is most likely a slip of, or the
// beginning of; "" when none is near.
func nearest(name string, words []string) string {
	best, distance := "", 1+max(1, min(3, len(name)/3))
	folded := fold(name)
	for _, word := range words {
		if best == "" && len(name) > 2 && strings.HasPrefix(fold(word), folded+"_") {
			best = word
		}
		if d := edits(folded, fold(word)); d < distance {
			best, distance = word, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// edits is how many letters must be put in, taken out, changed or swapped with
// their neighbour to make b of a. Words far longer than any key are far apart.
func edits(a, b string) int {
	const far = 1 << 10
	if len(a) > 64 || len(b) > 64 {
		return far
	}
	var rows [3][65]int
	for j := range b {
		rows[1][j+1] = j + 1
	}
	for i := range len(a) {
		older, old, row := &rows[i%3], &rows[(i+1)%3], &rows[(i+2)%3]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(old[j+1]+1, row[j]+1, old[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
