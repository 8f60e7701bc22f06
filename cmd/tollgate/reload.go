package main

import (
	"reflect"

	"go.uber.org/zap"

	"tollgate/configs"
)

// reload puts a new configuration in force: all of it is parsed and checked
// first, then swapped. On any problem the old one stays, whole. What cannot be
// changed while running is reported and left as it is.
func (h *house) reload(load func() (*configs.Config, []configs.Problem)) bool {
	cfg, problems := load()
	for _, p := range problems {
		h.log.Error("the configuration is not reloaded", zap.String("problem", p.String()))
	}
	ok := len(problems) == 0 && h.apply(cfg)
	h.gateway.CountReload(ok)
	return ok
}

func (h *house) apply(cfg *configs.Config) bool {
	old := h.config.Load()
	h.keepFixed(old, cfg)
	plan, err := planOf(cfg, cfg.Catalogue, endpoints(cfg, h.exchanger, h.keys))
	if err != nil {
		h.log.Error("the configuration is not reloaded", zap.Error(err))
		return false
	}
	if len(cfg.Tokens.SigningKeys) > 0 {
		keys, err := configuredKeys(cfg)
		if err == nil {
			err = h.keys.Swap(keys...)
		}
		if err != nil {
			h.log.Error("the configuration is not reloaded", zap.Error(err))
			return false
		}
	}
	if err := h.gateway.Apply(plan); err != nil {
		h.log.Error("the configuration is not reloaded", zap.Error(err))
		return false
	}
	h.config.Store(cfg)
	if !reflect.DeepEqual(h.catalogue.Swap(cfg.Catalogue).Countries(), cfg.Catalogue.Countries()) {
		h.cache.ForgetAll() // records are compiled against the catalogue
	}
	h.log.Info("the configuration is reloaded")
	return true
}

// fixed are the keys that a running process cannot change.
var fixed = []struct {
	key  string
	same func(old, new *configs.Config) bool
	keep func(old, new *configs.Config)
}{
	{"listen", func(a, b *configs.Config) bool { return a.Listen == b.Listen }, func(a, b *configs.Config) { b.Listen = a.Listen }},
	{"admin.listen", func(a, b *configs.Config) bool { return a.Admin.Listen == b.Admin.Listen }, func(a, b *configs.Config) { b.Admin.Listen = a.Admin.Listen }},
	{"store", func(a, b *configs.Config) bool { return a.Store == b.Store }, func(a, b *configs.Config) { b.Store = a.Store }},
	{"master_key_file", func(a, b *configs.Config) bool { return a.MasterKeyFile == b.MasterKeyFile }, func(a, b *configs.Config) { b.MasterKeyFile = a.MasterKeyFile }},
}

func (h *house) keepFixed(old, cfg *configs.Config) {
	for _, f := range fixed {
		if !f.same(old, cfg) {
			h.log.Warn("a key cannot be changed while running and stays as it was; restart to change it", zap.String("key", f.key))
			f.keep(old, cfg)
		}
	}
}
