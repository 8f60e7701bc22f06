package gateway

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// budget is the memory that bodies under way may take, those of requests and
// those of answers, over the whole process. It is taken before the memory is:
// fasthttp allocates what a request announces, not what has come. The zero
// budget has no limit.
type budget struct {
	limit atomic.Int64 // bytes; 0: none
	used  atomic.Int64
}

// growth is the share of the budget, in quarters, up to which answers may grow:
// the rest is for requests that are yet to come in, which a few large answers to
// slow readers must not shut out.
const growth = 3

// take takes n bytes, or none. Whoever is alone gets what it asks for, so that a
// body which is rounded up to more than all there is can be served at all.
func (b *budget) take(n int64) bool { return b.takeUpTo(b.limit.Load(), n) }

func (b *budget) takeUpTo(limit, n int64) bool {
	for {
		used := b.used.Load()
		if limit > 0 && used > 0 && used+n > limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// register exports how much is taken and how much there is.
func (b *budget) register(r prometheus.Registerer) error {
	return errors.Join(
		r.Register(gauge("tollgate_body_bytes", "Memory taken for the bodies of requests and answers under way.", &b.used)),
		r.Register(gauge("tollgate_body_budget_bytes", "Memory that such bodies may take; requests beyond it are answered 503.", &b.limit)))
}

func gauge(name, help string, value *atomic.Int64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value.Load()) })
}

// parcel is the body of an answer that is read whole. It is paid for from the
// moment before its request is sent: once that is out, no memory is no answer to
// give.
type parcel struct {
	bytes []byte
	paid  int64
	from  *budget
}

var parcels = sync.Pool{New: func() any { return new(parcel) }}

// parcel makes one that has room for firstBody bytes; nil when the budget has
// none.
func (b *budget) parcel() *parcel {
	if !b.take(firstBody) {
		return nil
	}
	p := parcels.Get().(*parcel)
	p.from, p.paid = b, firstBody
	return p
}

// grow makes room for size bytes in all; false when the budget has none.
func (p *parcel) grow(size int) bool {
	if size <= cap(p.bytes) {
		return true
	}
	if more := int64(size) - p.paid; more > 0 {
		if !p.from.takeUpTo(p.from.limit.Load()/4*growth, more) {
			return false
		}
		p.paid = int64(size)
	}
	p.bytes = append(make([]byte, 0, size), p.bytes...)
	return true
}

// free gives the parcel back: nobody reads its bytes any more.
func (p *parcel) free() {
	p.abandon()
	if cap(p.bytes) > firstBody {
		p.bytes = nil
	}
	p.bytes, p.from = p.bytes[:0], nil
	parcels.Put(p)
}

// abandon stops paying for the parcel, and leaves it to the garbage collector:
// somebody may still be reading its bytes.
func (p *parcel) abandon() {
	p.from.give(p.paid)
	p.paid = 0
}
