package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
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
