//go:build linux && !race

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// mix is requests of every dialect, right and wrong.
type mix struct {
	h   *holder
	key string // that may pay
}

func newMix(h *holder, key string) *mix { return &mix{h, key} }

// proxied is how a request that is right may end while the upstream is faulty.
var proxied = []int{200, 204, 502, 503, 504}

// payment is a good payment.
func (m *mix) payment(name string) string { return pay(m.key, good, "X-Probe: "+name) }

// client gives the requests of one client, each under a name of its own.
func (m *mix) client(i int) func() *asked {
	n := 0
	return func() *asked {
		n++
		a := m.any(fmt.Sprintf("%d-%d", i, n))
		return &a
	}
}

func (m *mix) any(name string) asked {
	switch n := rand.IntN(20); {
	case n < 6:
		return asked{"payment", name, m.payment(name), proxied, true}
	case n < 12:
		return m.right(name)
	case n < 13:
		return asked{"no keep-alive", name, get(m.h.key, "/alone", "X-Probe: "+name), proxied, true}
	case n < 14:
		return asked{"whoami", name, get(m.h.key, "/api/whoami"), []int{200}, false}
	case n < 15:
		return asked{"issue", name, tokenRequest(m.h.clientID, m.h.secret), []int{200}, false}
	}
	return m.wrong(name)
}

// right is a request of any dialect, with a body or without.
func (m *mix) right(name string) asked {
	method := []string{"GET", "POST"}[rand.IntN(2)]
	ways := m.h.presents(method)
	names := slices.Sorted(maps.Keys(ways))
	kind := names[rand.IntN(len(names))]
	want := proxied
	if kind == "alone" {
		want = append(slices.Clone(proxied), 401) // where the token asks for the pair
	}
	return asked{kind + " " + method, name, named(ways[kind], name), want, true}
}

// named gives a request a name.
func named(raw, name string) string {
	return strings.Replace(raw, "Host: gw\r\n", "Host: gw\r\nX-Probe: "+name+"\r\n", 1)
}

// wrong is a request that must be refused whatever the upstream does.
func (m *mix) wrong(name string) asked {
	probe := "X-Probe: " + name
	list := []asked{
		{"unknown key", name, pay(composeKey(strings.Repeat("Q7", 20)), good, probe), []int{401}, false},
		{"nothing presented", name, pay("", good, probe), []int{401}, false},
		{"another country", name, pay(m.key, strings.Replace(good, `"CI"`, `"SN"`, 1), probe), []int{403}, false},
		{"no route", name, get(m.key, "/none", probe), []int{404}, false},
		{"another method", name, strings.Replace(get(m.key, "/v1/payments", probe), "GET", "DELETE", 1), []int{405}, false},
		{"a fact twice", name, pay(m.key, strings.Replace(good, "{", `{"country":"SN",`, 1), probe), []int{400}, false},
		{"too large", name, pay(m.key, good+strings.Repeat(" ", 65<<10), probe), []int{413}, false},
		{"chunked", name, strings.Replace(pay(m.key, "", probe), "Content-Length: 0", "Transfer-Encoding: chunked", 1) + "0\r\n\r\n", []int{411}, false},
		{"two hosts", name, strings.Replace(m.payment(name), "Host: gw\r\n", "Host: gw\r\nHost: gw\r\n", 1), []int{400}, false},
		{"no HTTP", name, "GARBAGE\r\n\r\n", []int{400}, false},
		{"headers too large", name, get(m.key, "/bearer", probe, "X-Much: "+strings.Repeat("a", 20<<10)), []int{431}, false},
	}
	return list[rand.IntN(len(list))]
}
