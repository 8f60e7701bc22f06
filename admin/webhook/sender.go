package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"tollgate/policy/token"
)

// storeTimeout bounds the time in which the outbox is told of an attempt.
const storeTimeout = 5 * time.Second

// maxHead bounds the head of an answer.
const maxHead = 16 << 10

// Sender takes events from the outbox and sends them. Several may work on one
// outbox.
type Sender struct {
	opt   Options
	calls http.RoundTripper
	write writer
	slots chan struct{}
	wake  chan struct{}
	busy  sync.WaitGroup
}

// New makes a Sender that does nothing until Run or Deliver.
func New(o Options) (*Sender, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	s := &Sender{opt: o, write: newWriter(), slots: make(chan struct{}, o.Workers), wake: make(chan struct{}, 1)}
	d := &dialer{rules: &s.opt.Rules, resolver: o.Resolver}
	d.net.Timeout = dialTimeout
	s.calls = &http.Transport{
		// No Proxy: that of the environment would dial for us, whatever we judged.
		DialContext:            d.dial,
		TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true, // the next event's address is judged anew
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHead,
	}
	return s, nil
}

// Wake says that there may be something in the outbox. It never blocks.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run sends what is due until ctx ends. Then it takes nothing more, lets the
// attempts that have begun come to their end, which the timeout bounds, and
// returns.
func (s *Sender) Run(ctx context.Context) {
	poll, scan := time.NewTicker(s.opt.Poll), time.NewTicker(s.opt.Scan)
	defer poll.Stop()
	defer scan.Stop()
	defer s.busy.Wait()
	s.scan(ctx)
	for ctx.Err() == nil {
		s.take(ctx)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-poll.C:
		case <-scan.C:
			s.scan(ctx)
		}
	}
}

// Deliver makes one round: it takes as many due events as there are workers,
// sends them, and reports how many it took when all attempts have ended.
func (s *Sender) Deliver(ctx context.Context) int {
	defer s.busy.Wait()
	return s.take(ctx)
}

// scan asks the calendar.
func (s *Sender) scan(ctx context.Context) {
	if s.opt.Calendar == nil {
		return
	}
	if _, err := s.opt.Calendar.QueueExpiring(ctx); err != nil && ctx.Err() == nil {
		s.opt.Logger.Error("webhooks: tokens about to expire could not be found", zap.Error(err))
	}
}

// take begins attempts at as many due events as there are free workers.
func (s *Sender) take(ctx context.Context) int {
	free := cap(s.slots) - len(s.slots)
	if free == 0 || ctx.Err() != nil {
		return 0
	}
	// Whoever takes an event holds it for longer than the attempt can last.
	list, err := s.opt.Outbox.DueHooks(ctx, free, 2*(s.opt.Timeout+storeTimeout))
	if err != nil {
		if ctx.Err() == nil {
			s.opt.Logger.Error("webhooks: the outbox could not be read", zap.Error(err))
		}
		return 0
	}
	for i := range list {
		s.slots <- struct{}{} // there is room: nobody else fills it
		s.busy.Go(func() {
			defer func() { <-s.slots; s.Wake() }()
			// What has begun is not broken off: half a delivery is one more to come.
			s.attempt(context.WithoutCancel(ctx), &list[i])
		})
	}
	return len(list)
}

// attempt makes one attempt at an event and tells the outbox what came of it.
func (s *Sender) attempt(ctx context.Context, h *token.Hook) {
	began := s.opt.Now()
	err := s.guarded(ctx, h)
	took := s.opt.Now().Sub(began)
	s.opt.Observe(s.settle(ctx, h, err), took)
}

// guarded is post, with a panic turned into a failure: a fault here must not
// take the gateway with it.
func (s *Sender) guarded(ctx context.Context, h *token.Hook) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			s.opt.Logger.Error("webhook panic", zap.String("hook", h.ID), zap.Any("panic", fault), zap.Stack("stack"))
			err = failInternal
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	return s.post(ctx, h)
}

// post sends an event once; nil when it was taken.
func (s *Sender) post(ctx context.Context, h *token.Hook) error {
	if err := s.opt.Rules.Check(h.URL); err != nil {
		return barred{err}
	}
	body, mediaType, err := s.write.write(h)
	if err != nil {
		return err
	}
	signed, whose, err := s.signature(ctx, h, body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return barred{failNoConnection}
	}
	req.Header = http.Header{
		"Content-Type":                 {mediaType},
		"User-Agent":                   {"tollgate"},
		"X-Tollgate-Webhook-Id":        {h.ID},
		"X-Tollgate-Webhook-Event":     {h.Event},
		"X-Tollgate-Webhook-Key":       {whose},
		"X-Tollgate-Webhook-Signature": {signed},
	}
	resp, err := s.calls.RoundTrip(req)
	if err != nil {
		return wordFailure(ctx, err)
	}
	// Its head says it all; a body is not read, whatever its length.
	_ = resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return failStatus(resp.StatusCode)
	}
	return nil
}
