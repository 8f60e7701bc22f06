package admin

// merge applies an RFC 7396 merge patch: objects merge member by member, null
// removes a member, everything else replaces what was there. It changes target
// and returns the result; values of patch may become part of it.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(object, name)
			continue
		}
		object[name] = merge(object[name], value)
	}
	return object
}
