package main

import (
	"net"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The command line as a shell sees it: each file of testdata/script is a
// session. Beside what testscript has, `let NAME regexp` keeps what the first
// group finds in the last standard output, and there are two free ports.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			listen, admin, err := freePorts()
			env.Setenv("TOLLGATE_LISTEN", listen)
			env.Setenv("TOLLGATE_ADMIN_LISTEN", admin)
			env.Setenv("TOLLGATE_ADMIN_URL", "http://"+admin)
			env.Setenv("TOLLGATE_HEALTHCHECK_URL", "http://"+admin+"/readyz")
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"let": let},
	})
}

func let(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: let NAME regexp")
	}
	found := regexp.MustCompile(`(?m)` + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("let %s: the output has no %s", args[0], args[1])
	}
	ts.Setenv(args[0], found[1])
}

// freePorts are two addresses that nobody listens on just now.
func freePorts() (a, b string, err error) {
	var open [2]net.Listener
	for i := range open {
		if open[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", "", err
		}
		defer open[i].Close()
	}
	return open[0].Addr().String(), open[1].Addr().String(), nil
}
