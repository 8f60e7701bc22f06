package configs

// checkTLS proves that a listener could serve with the files that are named
// there. They are read again by whoever serves: what is kept of them is nothing.
func (r *reader) checkTLS(key string, t *TLS) {
	r.oneOf(below(key, "client_auth"), t.ClientAuth, "optional", "required")
	var held pairText
	if t.Cert != "" {
		held.cert = r.pemFile(below(key, "cert"), t.Cert)
	}
	if t.Key != "" {
		held.key = r.secretFile(below(key, "key"), t.Key)
	}
	r.checkPair(key, t.Cert, t.Key, held)
	switch {
	case t.ClientCA == "" && t.ClientAuth == "required":
		r.fail(below(key, "client_auth"), "nobody could connect: no client_ca says whose certificates count; name it, or write optional")
	case t.ClientCA != "" && t.Cert == "" && t.Key == "":
		r.fail(below(key, "client_ca"), "client certificates are shown over TLS alone; write cert and key beside it, or take it out")
	case t.ClientCA != "":
		r.checkAuthorities(below(key, "client_ca"), r.pemFile(below(key, "client_ca"), t.ClientCA))
	}
}
