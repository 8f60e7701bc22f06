package gateway

// What an upstream tells the metrics. Once it is closed it tells no more, so
// that no series of a target that is gone comes back.

// noted is where to count; nil when nothing is to be counted.
func (u *upstream) noted() *meters {
	if u.closed.Load() {
		return nil
	}
	return u.context.meters
}

// count counts a connection that ends by err.
func (u *upstream) count(err error) {
	if m := u.noted(); m != nil {
		m.upstreamFaults.WithLabelValues(u.name, class(err)).Inc()
	}
}

func (u *upstream) countCutStream() {
	if m := u.noted(); m != nil {
		m.cutStreams.WithLabelValues(u.name).Inc()
	}
}

// tellCircuit tells what became of a target's circuit.
func (u *upstream) tellCircuit(b *backend, e circuitEvent) {
	if e == circuitOpen {
		u.complain(b, "upstream target fails for several callers and is left out for a while", nil)
	}
	m := u.noted()
	if m == nil {
		return
	}
	m.circuit.WithLabelValues(u.name, b.address).Set(float64(e))
	switch e {
	case circuitOpen:
		m.ejections.WithLabelValues(u.name, b.address, "all").Inc()
	case circuitOpenToOne:
		m.ejections.WithLabelValues(u.name, b.address, "one").Inc()
	}
}
