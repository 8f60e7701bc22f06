package main

import (
	"context"
	"crypto/rand"
	"time"

	"tollgate/admin/webhook"
	"tollgate/configs"
	"tollgate/policy/token"
)

func webhookRules(cfg *configs.Config) webhook.Rules {
	return webhook.Rules{HTTP: cfg.Webhooks.AllowHTTP, Networks: cfg.Webhooks.AllowNetworks}
}

// openHooks makes the sender of webhooks; serve runs it.
func (h *house) openHooks(context.Context) (err error) {
	if h.hookKey, err = h.minter.Master.Derive("webhooks"); err != nil {
		return err
	}
	h.hooks, err = webhook.New(webhook.Options{
		Outbox: h.store, Calendar: h.store, Secrets: h.opener.SigningSecrets, Key: h.hookKey, Rules: webhookRules(h.config.Load()),
		Observe: h.metrics.observeHook, Logger: h.log, Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		return err
	}
	h.store.OnChange(func(token.Change) { h.hooks.Wake() })
	return nil
}
