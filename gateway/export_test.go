package gateway

// UpstreamPools is how many connections to an upstream are open, how many of
// them wait in its pools, on how many of these nothing waits, and how many
// requests are under way.
func (g *Gateway) UpstreamPools(name string) (open, idle, quiet, busy int) {
	u := g.current.Load().upstreams[name].upstream
	idle, quiet = u.idle()
	return int(u.open.Load()), idle, quiet, len(u.slots)
}

// Trust forgets that an upstream's targets said something unasked.
func (g *Gateway) Trust(name string) {
	for _, b := range g.current.Load().upstreams[name].targets {
		b.aloneTo.Store(0)
	}
}
