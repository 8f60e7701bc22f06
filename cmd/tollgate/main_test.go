package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is tollgate when it is called so: scripts and process tests
// run the command line in processes of its own without a build apart. It is
// crowd too, a client that holds more connections than a test may.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"tollgate": main, "crowd": crowd})
}

// suite is all tests; what they built goes with them.
type suite struct{ *testing.M }

// Run runs them.
func (s suite) Run() int {
	if os.Getenv(builtVariable) == "" {
		defer func() { os.RemoveAll(os.Getenv(builtVariable)) }()
	}
	return s.M.Run()
}

// builtVariable names the folder that the binary of this run was built into.
const builtVariable = "TOLLGATE_TEST_BUILT"
