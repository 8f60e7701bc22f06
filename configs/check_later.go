package configs

// What has a key already but not yet a feature is refused where it is asked
// for, never passed over: a file that loads is a file that is obeyed.

// later refuses a key whose feature this version does not have.
func (r *reader) later(key, what string) {
	r.fail(key, "it is not in this version: %s", what)
}

func (r *reader) checkLater(c *Config) {
	if c.Store.Driver == Postgres {
		r.later("store", "PostgreSQL; write sqlite:FILE")
	}
	if c.Redis != "" {
		r.later("redis", "state shared through Redis; take it out, each node then counts for itself")
	}
	if c.Tracing.OTLP != "" {
		r.later("tracing.otlp", "tracing; take it out")
	}
}
