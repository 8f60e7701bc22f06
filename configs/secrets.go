package configs

import (
	"maps"
	"slices"
)

// readSecrets fetches what stands in other files and in variables, and checks
// that it can do its work. No message quotes a secret.
func (r *reader) readSecrets(c *Config) {
	r.readBootstrapKey(&c.Admin)
	r.checkMasterKey(c.MasterKeyFile)
	for i := range c.Tokens.SigningKeys {
		r.readSigningKey(item("tokens.signing_keys", i), &c.Tokens.SigningKeys[i])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		key, u := below("upstreams", name), c.Upstreams[name]
		if u.SignKeyFile != "" {
			u.SignKey = r.secretFile(below(key, "sign_key_file"), u.SignKeyFile)
			r.checkStrong(below(key, "sign_key_file"), u.SignKey)
		}
		r.readUpstreamTLS(below(key, "tls"), &u.TLS)
		for header := range u.Headers {
			at, h := below(below(key, "headers"), header), u.Headers[header]
			r.readHeader(at, &h)
			u.Headers[header] = h
		}
		c.Upstreams[name] = u
	}
}

// secretFile is what a secret file holds; the zero Secret after a problem.
func (r *reader) secretFile(key string, path File) Secret {
	data, err := readSecretFile(path)
	if err != nil {
		r.fail(key, "%s: %v", quote(string(path)), err)
	}
	return NewSecret(data)
}

// checkMasterKey refuses a well-known master key where its file can be read: who
// opens it, and whether it is there, is for whoever serves.
func (r *reader) checkMasterKey(file File) {
	if file == "" {
		return
	}
	if key, err := readSecretFile(file); err == nil && WellKnown(key) {
		r.fail("master_key_file", "%s: %s", quote(string(file)), wellKnownKey)
	}
}

// readBootstrapKey takes the key itself or its file. Both in one place are a
// mistake; what the environment says replaces what the file says.
func (r *reader) readBootstrapKey(a *Admin) {
	const key, file = "admin.bootstrap_key", "admin.bootstrap_key_file"
	if a.BootstrapKey.Given() && a.BootstrapKeyFile != "" {
		switch inEnv, fileInEnv := r.origins[key].variable != "", r.origins[file].variable != ""; {
		case inEnv == fileInEnv:
			r.fail(file, "the key is given both here and as bootstrap_key; keep one")
			return
		case inEnv:
			a.BootstrapKeyFile = ""
		default:
			a.BootstrapKey = Secret{}
		}
	}
	at := key
	if a.BootstrapKeyFile != "" {
		at = file
		a.BootstrapKey = r.secretFile(file, a.BootstrapKeyFile)
	}
	r.checkStrong(at, a.BootstrapKey)
	r.checkSendable(at, a.BootstrapKey)
}

func (r *reader) readHeader(key string, h *Header) {
	switch {
	case h.File != "":
		h.Value = r.secretFile(key, h.File)
	case h.Env != "":
		value, set := r.environ[h.Env]
		if !set || value == "" {
			r.fail(key, "the environment variable %s is not set; set it, or write {file: PATH}", quote(h.Env))
		}
		h.Value = NewSecret([]byte(value))
	}
	if !h.Value.Given() && !r.isBrokenBelow(key) {
		r.fail(key, "it is empty; write the value, or take the header out")
	}
	r.checkSendable(key, h.Value)
}

// checkSendable refuses what no HTTP header can carry.
func (r *reader) checkSendable(key string, s Secret) {
	b := s.Reveal()
	if len(b) > 8<<10 {
		r.fail(key, "it is longer than 8KiB, more than a header should carry; is it the right value?")
	}
	for _, c := range b {
		if c < ' ' || c > '~' {
			r.fail(key, "it holds a byte that no header can carry (a line end, a control or a character outside ASCII); write visible ASCII on one line")
			return
		}
	}
	if len(b) > 0 && (b[0] == ' ' || b[len(b)-1] == ' ') {
		r.fail(key, "it begins or ends with a space, which a header loses on its way; take it out")
	}
}
