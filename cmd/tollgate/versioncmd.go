package main

import (
	"context"
	"fmt"
	"net/http"
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
	URL string `help:"What to ask." default:"http://127.0.0.1:9090/readyz" env:"TOLLGATE_HEALTHCHECK_URL" placeholder:"URL"`
}

// Run exits 0 when the gateway answers that it is ready.
func (c *healthcheckCommand) Run(io *stdio) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return usagef("--url: %v", err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answered %d", c.URL, resp.StatusCode)
	}
	fmt.Fprintln(io.out, "ready")
	return nil
}
