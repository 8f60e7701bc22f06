package webhook

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"go.uber.org/zap"

	"tollgate/policy/token"
)

// Outbox is where events wait. Taking one counts an attempt, and it is not due
// again before the lease has passed: who takes it and dies has only lost time.
// HookFailed with next 0 makes it dead. The store is one.
type Outbox interface {
	DueHooks(ctx context.Context, limit int, lease time.Duration) ([]token.Hook, error)
	HookDone(ctx context.Context, id string) error
	HookFailed(ctx context.Context, id, reason string, next token.Instant) error
}

// Calendar puts the events of tokens that are about to expire into the outbox,
// each once. The store is one.
type Calendar interface {
	QueueExpiring(ctx context.Context) (queued int, err error)
}

// Outcome is what came of one attempt: one of three words, for metrics.
type Outcome string

// Sent: the event was taken. Failed: it will be tried again. Dead: it will not.
const (
	Sent   Outcome = "sent"
	Failed Outcome = "failed"
	Dead   Outcome = "dead"
)

// Options is what a Sender is made of. Outbox and Key are required.
type Options struct {
	Outbox   Outbox
	Calendar Calendar // nil: nothing is said of tokens that are about to expire
	Secrets  Secrets  // nil: every event is signed with the merchant's secret
	Key      []byte   // of the installation, KeyLength bytes; see MerchantSecret
	Rules    Rules

	Resolver Resolver       // nil: the system's
	Roots    *x509.CertPool // nil: the system's

	Timeout  time.Duration // of one attempt, from the name's resolution to the answer's head; 0: 10 s
	Attempts int           // after so many an event is dead; 0: 12, over about 17 hours
	First    time.Duration // the pause after the first failure, doubled after each; 0: 30 s
	Longest  time.Duration // the longest pause; 0: 12 h
	Workers  int           // attempts at the same time; 0: 16
	Poll     time.Duration // how often the outbox is asked when nobody calls Wake; 0: 5 s
	Scan     time.Duration // how often the calendar is asked; 0: 10 min

	Observe func(o Outcome, took time.Duration) // nil: nobody counts
	Logger  *zap.Logger                         // nil: nothing is logged
	Now     func() time.Time                    // nil: time.Now
	Rand    io.Reader                           // for jitter; nil: crypto/rand
}

func (o *Options) fill() error {
	switch {
	case o.Outbox == nil:
		return errors.New("webhook: Options.Outbox is missing")
	case len(o.Key) != KeyLength:
		return errors.New("webhook: Options.Key must have 32 bytes")
	}
	or(&o.Timeout, 10*time.Second)
	or(&o.First, 30*time.Second)
	or(&o.Longest, 12*time.Hour)
	or(&o.Poll, 5*time.Second)
	or(&o.Scan, 10*time.Minute)
	or(&o.Attempts, 12)
	or(&o.Workers, 16)
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Observe == nil {
		o.Observe = func(Outcome, time.Duration) {}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return nil
}

// or sets what is not above zero.
func or[T int | time.Duration](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}
