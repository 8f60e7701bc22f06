package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The seed documents' own commands, with another host and other credentials,
// get from the demo what their documents print.
func TestSeedsOwnCommands(t *testing.T) {
	t.Parallel()
	program(t, "curl")
	dir := t.TempDir()
	file := filepath.Join(dir, "tg.env")
	p := demoAt(t, filepath.Join(dir, "data"), "--credentials", file)
	script, err := filepath.Abs(filepath.Join("testdata", "seeds.sh"))
	if err != nil {
		t.Fatal(err)
	}
	// bash, for the echo -n of seed 4: other shells print -n.
	out, err := exec.CommandContext(t.Context(), "bash", "-c", "set -a; . "+shellPath(file)+"; bash "+shellPath(script)+" http://"+p.gateway).CombinedOutput()
	if err != nil || strings.Count(string(out), "ok  ") != 23 || strings.Contains(string(out), "BROKEN") {
		t.Errorf("%v\n%s", err, out)
	}
	p.interrupt()
}
