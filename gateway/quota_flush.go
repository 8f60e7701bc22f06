package gateway

import (
	"context"
	"errors"
	"fmt"

	"tollgate/policy/token"
)

// settled reports whether the keeper knows everything.
func (l *ledger) settled() bool {
	for i := range l.pages {
		if !l.pages[i].settled() {
			return false
		}
	}
	return !l.dirty
}

// soil puts a locked ledger on the list of those with something to tell.
func (t *tally) soil(l *ledger) {
	if l.dirty {
		return
	}
	l.dirty = true
	t.dirtying.Lock()
	defer t.dirtying.Unlock()
	t.dirty = append(t.dirty, l)
}

// flush tells the keeper what is new. What it does not take is told the next
// time.
func (t *tally) flush(ctx context.Context) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.dirtying.Lock()
	list := t.dirty
	t.dirty = nil
	t.dirtying.Unlock()
	for len(list) > 0 {
		n := min(len(list), usesABatch/maxPages)
		err := t.tell(ctx, list[:n])
		if list = list[n:]; err == nil {
			continue
		}
		t.dirtying.Lock()
		t.dirty = append(t.dirty, list...) // these are marked still
		t.dirtying.Unlock()
		return fmt.Errorf("gateway: what is used of quotas stays unwritten: %w", err)
	}
	return nil
}

func (t *tally) tell(ctx context.Context, list []*ledger) error {
	var uses []token.QuotaUse
	for _, l := range list {
		uses = l.leave(uses)
	}
	err := errors.New("the keeper panicked")
	defer func() {
		for _, l := range list {
			if l.settle(err == nil) {
				t.again(l)
			}
		}
	}()
	if len(uses) == 0 {
		err = nil
		return nil
	}
	err = t.keeper.AddUses(ctx, uses)
	return err
}

// leave moves what is fresh on its way.
func (l *ledger) leave(uses []token.QuotaUse) []token.QuotaUse {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.dirty = false
	for i := range l.pages {
		if p := &l.pages[i]; p.fresh > 0 {
			p.flying, p.fresh = p.fresh, 0
			uses = append(uses, token.QuotaUse{Handle: l.handle, Period: p.period, Delta: p.flying})
		}
	}
	return uses
}

// settle ends a telling. It reports whether there is more to tell of a ledger
// that is on no list.
func (l *ledger) settle(told bool) (more bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for i := range l.pages {
		p := &l.pages[i]
		if told {
			p.told += p.flying
		} else {
			p.fresh += p.flying
			more = more || p.flying > 0
		}
		p.flying = 0
	}
	return more && !l.dirty
}

func (t *tally) again(l *ledger) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	t.soil(l)
}
