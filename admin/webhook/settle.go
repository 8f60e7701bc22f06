package webhook

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"tollgate/policy/token"
)

// barred is a failure that another attempt would not mend.
type barred struct{ why error }

// Error is the reason.
func (b barred) Error() string { return "the URL may not be called: " + b.why.Error() }

// settle tells the outbox what came of an attempt. When it cannot be told, the
// event comes back once its lease is over, delivered or not.
func (s *Sender) settle(ctx context.Context, h *token.Hook, failed error) Outcome {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	outcome, next := s.fate(h, failed)
	var err error
	if outcome == Sent {
		err = s.opt.Outbox.HookDone(ctx, h.ID)
	} else {
		err = s.opt.Outbox.HookFailed(ctx, h.ID, failed.Error(), next)
	}
	s.log(h, outcome, failed)
	if err != nil {
		s.opt.Logger.Error("webhooks: the outbox could not be told of an attempt", zap.String("hook", h.ID), zap.Error(err))
	}
	return outcome
}

// fate is what becomes of an event after an attempt, and when it is due again:
// 0 for never.
func (s *Sender) fate(h *token.Hook, failed error) (Outcome, token.Instant) {
	var never barred
	switch {
	case failed == nil:
		return Sent, 0
	case errors.As(failed, &never), h.Attempts >= s.opt.Attempts:
		return Dead, 0
	}
	return Failed, token.At(s.opt.Now().Add(s.opt.pause(h.Attempts)))
}

// log writes what came of an attempt, without the URL, which can hold a secret
// of the merchant's.
func (s *Sender) log(h *token.Hook, outcome Outcome, failed error) {
	fields := []zap.Field{
		zap.String("hook", h.ID), zap.String("event", h.Event), zap.String("token", string(h.Token)),
		zap.String("merchant", h.Merchant), zap.Int("attempt", h.Attempts), zap.String("outcome", string(outcome)),
	}
	switch outcome {
	case Sent:
		s.opt.Logger.Debug("webhook", fields...)
	case Failed:
		s.opt.Logger.Info("webhook", append(fields, zap.String("why", failed.Error()))...)
	default:
		s.opt.Logger.Warn("webhook", append(fields, zap.String("why", failed.Error()))...)
	}
}
