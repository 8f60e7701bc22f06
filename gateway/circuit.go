package gateway

import (
	"sync"
	"sync/atomic"
	"time"
)

// What a circuit does where the spec says only how many failures open it.
const (
	defaultRest    = time.Second
	defaultMaxRest = 30 * time.Second
	maxEjectAfter  = 50 // failures in a row; fewer than bouts that are remembered
	maxBouts       = 64
)

// circuit leaves a target out that takes requests and does not answer them: so
// many failures in a row open it, for a rest that doubles each time a trial
// fails. After the rest one request at a time is a trial; any answer closes it.
//
// Most failures can be had on purpose: who has found a request that hangs or
// crashes the payment API can send it as often as it takes. So nobody's
// failures alone are held against anybody else. Each caller has a bout of its
// own, which opens the circuit for that caller only; the one for everybody
// opens when callers agree: no single one of them counts for more than half of
// the failures it takes. A caller who is out by its own bout has its trials
// there, and can neither lengthen everybody's rest nor sit on everybody's trial.
//
// What a healthy target may do to a caller who asks for it, such as an answer
// larger than allowed, does not come here at all: see verdictOn.
type circuit struct {
	after         int // failures in a row; 0: never opens
	rest, maxRest time.Duration
	tell          func(circuitEvent)

	troubled atomic.Bool // something is remembered: all that the ordinary case looks at
	mu       sync.Mutex
	callers  map[string]*bout
	all      *bout
}

// bout is a run of failures, of one caller or of all.
type bout struct {
	failures int
	rest     time.Duration // the latest; 0: not out
	until    time.Time
	onTrial  bool
}

// circuitEvent is what a circuit tells the metrics.
type circuitEvent uint8

const (
	circuitClosed    circuitEvent = iota // everybody is let through
	circuitOpen                          // nobody is
	circuitTrial                         // one request is, on trial
	circuitOpenToOne                     // a caller whose requests alone failed is left out
)

func newCircuit(spec EjectSpec, tell func(circuitEvent)) *circuit {
	return &circuit{after: spec.Failures, rest: spec.Rest, maxRest: spec.MaxRest, tell: tell, callers: map[string]*bout{}, all: &bout{}}
}

// admit reports whether the caller's request may go to the target. A pass that
// is not nil makes it a trial, which ends by succeed, fail or release.
func (c *circuit) admit(caller string, now time.Time) (pass *bout, ok bool) {
	if !c.troubled.Load() {
		return nil, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.callers[caller]
	if b == nil || b.rest == 0 {
		b = c.all
	}
	switch {
	case b.rest == 0:
		return nil, true
	case b.onTrial || now.Before(b.until):
		return nil, false
	}
	b.onTrial = true
	if b == c.all {
		c.tell(circuitTrial)
	}
	return b, true
}

// succeed forgets every failure: the target answers, whoever asked.
func (c *circuit) succeed() {
	if !c.troubled.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.callers)
	c.all = &bout{} // passes of before are worth nothing now
	c.troubled.Store(false)
	c.tell(circuitClosed)
}

// fail counts a failure at now, and opens what it opens.
func (c *circuit) fail(caller string, pass *bout, now time.Time) {
	if c.after == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.troubled.Store(true)
	own := c.bout(caller)
	own.failures++
	switch {
	case pass == c.all:
		c.open(c.all, now)
	case pass == own || own.rest == 0 && own.failures >= c.after:
		c.open(own, now)
	}
	if c.all.rest == 0 && c.agreed() {
		c.open(c.all, now)
	}
}

// release ends a trial that says nothing about the target.
func (c *circuit) release(pass *bout) {
	if pass == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	pass.onTrial = false
}

// bout is the caller's. With more callers in trouble than are remembered the
// circuit is open for everybody already, so that one more may be lost.
func (c *circuit) bout(caller string) *bout {
	b := c.callers[caller]
	if b == nil {
		b = &bout{}
		if len(c.callers) < maxBouts {
			c.callers[caller] = b
		}
	}
	return b
}

func (c *circuit) open(b *bout, now time.Time) {
	switch {
	case b.rest == 0 && b != c.all:
		b.rest = max(c.rest, c.all.rest)
	case b.rest == 0:
		b.rest = c.rest
	default:
		b.rest = min(2*b.rest, c.maxRest)
	}
	b.until, b.onTrial = now.Add(b.rest), false
	if b == c.all {
		c.tell(circuitOpen)
	} else if c.all.rest == 0 {
		c.tell(circuitOpenToOne)
	}
}

// agreed reports whether enough failures come from enough callers.
func (c *circuit) agreed() bool {
	sum := 0
	for _, b := range c.callers {
		sum += min(b.failures, (c.after+1)/2)
	}
	return sum >= c.after
}
