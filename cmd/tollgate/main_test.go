package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is tollgate when it is called so: scripts and process tests
// run the command line in processes of its own without a build apart.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tollgate": main})
}
