package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"time"
)

// version is set by the linker; see Dockerfile.
var version = "dev"

// versionCommand is `tollgate version`.
type versionCommand struct{}

// Run prints what this binary was built from.
func (versionCommand) Run(io *stdio) error {
	b := buildOf()
	fmt.Fprintf(io.out, "tollgate %s\ncommit   %s\ngo       %s %s/%s\n", b.version, b.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, m := range b.modules {
		fmt.Fprintf(io.out, "module   %s %s\n", m.Path, m.Version)
	}
	return nil
}

type build struct {
	version, commit string
	modules         []*debug.Module
}

// buildOf reads what the Go tool stamped into the binary.
func buildOf() build {
	b := build{version: version, commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " (with changes)"
		}
	}
	b.commit += dirty
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.modules = append(b.modules, m)
	}
	return b
}

// healthcheckCommand is `tollgate healthcheck`.
type healthcheckCommand struct {
	URL  string        `help:"What to ask." default:"http://127.0.0.1:9090/readyz" env:"TOLLGATE_HEALTHCHECK_URL" placeholder:"URL"`
	Wait time.Duration `help:"How long to go on asking until it is ready." placeholder:"30s"`
}

// Run exits 0 when the gateway answers that it is ready.
func (c *healthcheckCommand) Run(io *stdio) error {
	if u, err := url.Parse(c.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return usagef("--url %q is no URL; give one such as http://127.0.0.1:9090/readyz", c.URL)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Wait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.ask()
		if err == nil {
			fmt.Fprintln(io.out, "ready")
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func (c *healthcheckCommand) ask() error {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(c.URL)
	if err != nil {
		return fmt.Errorf("not ready: %s: %w", c.URL, cause(err))
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answered %d", c.URL, resp.StatusCode)
	}
	return nil
}
