package policy

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// fewPrefixes is how many prefixes are searched one by one: up to there a scan
// beats the trie and takes less memory.
const fewPrefixes = 4

// addresses is a compiled IP list. Its zero value asks for nothing.
type addresses struct {
	asked bool // false: every address passes
	count int
	few   []netip.Prefix
	many  *bart.Lite // nil up to fewPrefixes
}

// compileAddresses parses a list; asked without entries lets nobody pass.
func compileAddresses(list []string, asked bool) (addresses, error) {
	a := addresses{asked: asked || len(list) > 0, count: len(list)}
	if len(list) > fewPrefixes {
		a.many = new(bart.Lite)
	}
	for _, text := range list {
		p, err := ParseRange(text)
		if err != nil {
			return addresses{}, err
		}
		if a.many != nil {
			a.many.Insert(p)
			continue
		}
		a.few = append(a.few, p)
	}
	return a, nil
}

// contain reports whether the address passes; ip is unmapped and has no zone.
func (a *addresses) contain(ip netip.Addr) bool {
	if !a.asked {
		return true
	}
	if !ip.IsValid() {
		return false
	}
	if a.many != nil {
		return a.many.Contains(ip)
	}
	for _, p := range a.few {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// size is roughly the bytes held, by the measured cost of a prefix in each form.
func (a *addresses) size() int64 {
	if a.many != nil {
		return int64(a.count) * 96
	}
	return int64(len(a.few)) * 32
}
