package configs

import (
	"reflect"
	"strings"
)

// Endpoint is one of tollgate's own paths.
type Endpoint struct {
	Name string // its key under endpoints
	Path string // exact
}

// On lists the endpoints that are switched on, in the order of the keys.
func (e *Endpoints) On() []Endpoint {
	var on []Endpoint
	v := reflect.ValueOf(e).Elem()
	for _, f := range fields(v.Type()) {
		if path := v.Field(f.index).String(); path != "" {
			on = append(on, Endpoint{Name: f.name, Path: path})
		}
	}
	return on
}

// checkEndpoints wants exact paths, each of them once.
func (r *reader) checkEndpoints(e *Endpoints) {
	first := make(map[string]string)
	for _, own := range e.On() {
		key := below("endpoints", own.Name)
		p, problem := parsePattern(own.Path)
		other, twice := first[own.Path]
		switch {
		case problem != "":
			r.fail(key, "%s; or write \"\" to switch it off", problem)
		case len(p.variables) > 0:
			r.fail(key, "%s has a variable; an endpoint has one exact path, such as /api/%s", quote(own.Path), own.Name)
		case own.Path == "/" || strings.HasPrefix(own.Path, "/-/"):
			r.fail(key, "%s is taken (/ would be a whole site, /-/ holds the health checks); write one such as /api/%s", quote(own.Path), own.Name)
		case twice:
			r.fail(key, "endpoints.%s has the same path; give each its own, or write \"\" to switch one off", other)
		}
		first[own.Path] = own.Name
	}
}
