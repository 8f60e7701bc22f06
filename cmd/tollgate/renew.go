package main

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"tollgate/configs"
)

// renewEvery is how often the certificate files of upstreams are looked at: they
// are renewed days before it matters, and not every file system tells of changes.
const renewEvery = time.Minute

// certRenewal remembers why the last look at the upstreams' certificates failed.
type certRenewal struct {
	fault string
	said  bool
}

// renewUpstreams puts in force what the certificate files of upstreams hold now,
// and nothing else of the configuration. Requests under way end on what they
// began with. What cannot be used leaves its upstream as it is, and no other; it
// is said when the next look still finds it, as a certificate and its key are
// seldom written at once, and said once.
func (h *house) renewUpstreams(ctx context.Context) {
	old := h.config.Load()
	now := time.Now()
	cfg, err := old.RenewUpstreams(func(name string, t *configs.UpstreamTLS) error { return refuseEndedOf(name, t, now) })
	if cfg != old {
		if fault := h.apply(ctx, cfg); fault != nil {
			err = errors.Join(err, fault)
		} else {
			h.log.Info("the certificates of upstreams are renewed")
		}
	}
	switch r := &h.renewal; {
	case err == nil:
		*r = certRenewal{}
	case r.fault != err.Error():
		*r = certRenewal{fault: err.Error()}
	case !r.said:
		r.said = true
		h.log.Error("new certificates of upstreams are not used, the old ones stay", zap.Error(err))
	}
}
