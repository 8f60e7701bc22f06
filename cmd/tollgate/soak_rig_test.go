//go:build linux && !race

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests called TestSoak… prove what only a whole process can: they run the
// binary that users get, without the race detector, in a process of its own, and
// hold it to its memory, its descriptors and its answers while it is attacked.
//
// Each has a short mode of some seconds. TOLLGATE_SOAK=10m is the long one: load
// goes on for that time, and what is a matter of the machine's speed is judged
// and not only told.

// soak is how long load goes on, and whether this is the long mode.
func soak(t *testing.T, short time.Duration) (time.Duration, bool) {
	t.Helper()
	text := os.Getenv("TOLLGATE_SOAK")
	if text == "" {
		return short, false
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("TOLLGATE_SOAK: %v", err)
	}
	return long, true
}

// built makes the binary, once for all tests.
var built = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv(builtVariable); dir != "" {
		return filepath.Join(dir, "tollgate"), nil // this test runs within another
	}
	dir, err := os.MkdirTemp("", "tollgate-built-")
	if err != nil {
		return "", err
	}
	if err := os.Setenv(builtVariable, dir); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "tollgate")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// gate is the built binary serving, with its log in a file: no reader of the
// test's can make it wait.
type gate struct {
	*process
	log  string
	dead chan struct{} // closed when it has ended
}

// wrapped is a shell that ends in the program and arguments behind it.
func wrapped(script string) []string { return []string{"sh", "-c", script + ` && exec "$0" "$@"`} }

// launch starts the binary on a configuration in which ORIGIN stands for a URL,
// behind a wrapper if there is one, and makes a merchant.
func launch(t *testing.T, config, originURL string, wrapper ...string) *gate {
	t.Helper()
	g := launchFile(t, configFile(t, config, originURL), wrapper...)
	g.addMerchant("Boutique")
	return g
}

// launchFile starts the binary on a configuration file.
func launchFile(t *testing.T, file string, wrapper ...string) *gate {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	g := launchInto(t, file, log, func() string { return head(t, path) }, wrapper...)
	g.log = path
	return g
}

// launchInto starts the binary with a log of the caller's, and reads there that
// it is ready. The log is closed on this side.
func launchInto(t *testing.T, file string, log *os.File, read func() string, wrapper ...string) *gate {
	t.Helper()
	defer log.Close()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(wrapper), binary, "serve", "-c", file)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = []string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY=" + bootstrap, "PATH=" + os.Getenv("PATH")}
	g := &gate{dead: make(chan struct{})}
	g.process = &process{client: client{t: t, adminKey: bootstrap}, cmd: cmd, stdout: &lines{}, stderr: &lines{}, ended: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = g.stdout, log
	g.start()
	g.awaitReadyIn(read)
	return g
}

// start starts the process; what is left of it ends with the test.
func (g *gate) start() {
	g.t.Helper()
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() {
		g.ended <- g.cmd.Wait()
		close(g.dead)
	}()
	g.t.Cleanup(func() {
		_ = g.cmd.Process.Kill()
		<-g.dead
	})
}

// head is the beginning of a file.
func head(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// alive fails the test when the process has ended.
func (g *gate) alive() {
	g.t.Helper()
	select {
	case <-g.dead:
		g.t.Fatalf("the process ended: %v\n%s", g.cmd.ProcessState, tail(g.t, g.log))
	default:
	}
}

// tail is the end of a file.
func tail(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[max(0, len(text)-4000):])
}

func (g *gate) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", g.cmd.Process.Pid, name) }

// memory is a line of the process's status, in bytes: VmRSS is what it has now,
// VmHWM the most since forgetPeak.
func (g *gate) memory(line string) int {
	g.t.Helper()
	f, err := os.Open(g.proc("status"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if text, ok := strings.CutPrefix(s.Text(), line+":"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), " kB"))
			if err != nil {
				g.t.Fatal(err)
			}
			return n << 10
		}
	}
	g.t.Fatalf("the status has no %s", line)
	return 0
}

// forgetPeak lets VmHWM begin anew.
func (g *gate) forgetPeak() {
	g.t.Helper()
	if err := os.WriteFile(g.proc("clear_refs"), []byte("5"), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// descriptors is how many the process has open.
func (g *gate) descriptors() int {
	g.t.Helper()
	open, err := os.ReadDir(g.proc("fd"))
	if err != nil {
		g.t.Fatal(err)
	}
	return len(open)
}

// goroutines is how many the process has; its configuration has to have pprof.
func (g *gate) goroutines() (n int) {
	g.t.Helper()
	resp, err := http.Get("http://" + g.admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "goroutine profile: total %d", &n); err != nil {
		g.t.Fatalf("%v in %.100s", err, text)
	}
	return n
}

const mib = 1 << 20

// atMost holds a number of bytes to a bar.
func (g *gate) atMost(what string, got, bar int) {
	g.t.Helper()
	g.t.Logf("%s: %.1f MiB, at most %d MiB", what, float64(got)/mib, bar/mib)
	if got > bar {
		g.t.Errorf("%s: %.1f MiB, want at most %d MiB", what, float64(got)/mib, bar/mib)
	}
}

// within waits for something that happens by itself within a time.
func (g *gate) within(limit time.Duration, what string, done func() bool) time.Duration {
	g.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for ; time.Since(began) < limit; <-tick.C {
		if done() {
			return time.Since(began)
		}
	}
	g.t.Fatalf("%s does not come within %v", what, limit)
	return 0
}
