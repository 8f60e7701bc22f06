package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bootstrap is the admin key of processes that tests start.
const bootstrap = "bootstrap-key-of-the-process-tests-0"

// process is a tollgate in a process of its own, and what it says.
type process struct {
	client
	cmd    *exec.Cmd
	stdout *lines
	stderr *lines
	ended  chan error // one value: how it ended
}

// tollgate is a command line, not started yet; environ is all of its
// environment.
func tollgate(t *testing.T, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{Path: self, Args: append([]string{"tollgate"}, args...), Env: environ}
}

// runs runs a command line to its end, wants its exit code, and gives what it
// said.
func runs(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := tollgate(t, []string{}, args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	fault := cmd.Start()
	if fault == nil {
		kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		fault = cmd.Wait()
	}
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		t.Fatalf("tollgate %s: %v, want exit code %d\n%s%s", strings.Join(args, " "), fault, code, &out, &err)
	}
	return out.String(), err.String()
}

// spawn starts a command line that goes on until it is told to end; what is
// left of it ends with the test.
func spawn(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	p := &process{client: client{t: t, adminKey: bootstrap}, cmd: tollgate(t, environ, args...), stdout: &lines{}, stderr: &lines{}, ended: make(chan error, 1)}
	p.start()
	return p
}

// start starts the process; what is left of it ends with the test.
func (p *process) start() {
	p.t.Helper()
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		p.ended <- p.cmd.Wait()
		close(done)
	}()
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-done
	})
}

// serving spawns `tollgate serve` on a configuration and waits until it says
// that it is ready.
func serving(t *testing.T, file string, environ ...string) *process {
	t.Helper()
	p := spawn(t, append([]string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY=" + bootstrap}, environ...), "serve", "-c", file)
	p.awaitReady()
	return p
}

// awaitReady waits for the line that says where the process serves.
func (p *process) awaitReady() {
	p.t.Helper()
	p.awaitReadyIn(p.stderr.String)
}

// awaitReadyIn waits for that line in a log.
func (p *process) awaitReadyIn(log func() string) {
	p.t.Helper()
	p.eventually("the word that it is ready", func() bool {
		for line := range strings.Lines(log()) {
			var said struct{ Msg, Listen, Admin string }
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "ready" {
				p.gateway, p.admin = said.Listen, said.Admin
				return true
			}
		}
		select {
		case err := <-p.ended:
			p.t.Fatalf("it ended: %v\n%s", err, log())
		default:
		}
		return false
	})
}

// signal sends a signal.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the end, which has to come within a time.
func (p *process) wait(within time.Duration) error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(within):
		p.t.Fatalf("it has not ended after %v\n%s", within, p.stderr)
		return nil
	}
}

// configFile writes a configuration before the given origin into a new folder.
func configFile(t *testing.T, config, originURL string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tollgate.yaml")
	write(t, path, strings.ReplaceAll(config, "ORIGIN", originURL))
	return path
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An environment without a single variable is enough to serve.
func TestServesInAnEmptyEnvironment(t *testing.T) {
	t.Parallel()
	file := configFile(t, siteConfig, newOrigin(t).url())
	p := spawn(t, []string{}, "serve", "-c", file)
	p.awaitReady()
	if got := p.send("GET /-/readyz HTTP/1.1\r\nHost: x\r\n\r\n"); got.status != 200 {
		t.Errorf("not ready: %d %s", got.status, got.body)
	}
	key, _ := runs(t, exitDone, "admin", "create-key", "-c", file, "--name", "n", "--role", "admin")
	p.adminKey = strings.TrimSpace(key)
	p.addMerchant("Boutique")
	p.wantStatus(pay(p.token(composed).Credentials.Key, good), 200)
	p.signal(syscall.SIGTERM)
	if err := p.wait(15 * time.Second); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if p.stdout.String() != "" {
		t.Errorf("serve writes to standard output: %s", p.stdout)
	}
}

// A second process writes to the database of a running gateway: an admin key is
// taken at once, migrations that are in place are left alone.
func TestSecondProcessOnTheSameDatabase(t *testing.T) {
	t.Parallel()
	file := configFile(t, siteConfig, newOrigin(t).url())
	p := serving(t, file)
	p.addMerchant("Boutique")
	key := p.token(composed).Credentials.Key
	p.wantStatus(pay(key, good), 200)
	made, said := runs(t, exitDone, "admin", "create-key", "-c", file, "--name", "ci", "--role", "operator")
	if !strings.HasPrefix(made, "tga_") || !strings.Contains(said, "shown once") {
		t.Errorf("create-key said %q and %q", made, said)
	}
	p.adminKey = strings.TrimSpace(made)
	began := time.Now()
	p.eventually("the new key's acceptance", func() bool { status, _ := p.try("GET", "/admin/v1/tokens", ""); return status == 200 })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the key was accepted after %v", took)
	}
	for _, args := range [][]string{{"migrate", "-c", file}, {"migrate", "-c", file, "--status"}} {
		if out, _ := runs(t, exitDone, args...); !strings.Contains(out, "applied") || strings.Contains(out, "pending") {
			t.Errorf("%v says %s", args, out)
		}
	}
	p.wantStatus(pay(key, good), 200)
	p.adminKey = bootstrap
	var page struct{ Items []struct{ Action string } }
	p.api("GET", "/admin/v1/audit", "", 200, &page)
	found := false
	for _, row := range page.Items {
		found = found || row.Action == "admin_key.create"
	}
	if !found {
		t.Errorf("the audit log lacks the key: %+v", page)
	}
}

// mode is a file's permission bits.
func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// The database and its key are for their owner alone, whatever the umask. A
// master key that is lost, another one, or one that others can read ends the
// start with a word on what to do, and nothing is put in its place.
func TestMasterKeyIsGuarded(t *testing.T) {
	t.Parallel()
	file := configFile(t, siteConfig, newOrigin(t).url())
	dir := filepath.Dir(file)
	key := filepath.Join(dir, "tollgate.db.key")
	p := serving(t, file)
	for _, name := range []string{"tollgate.db", "tollgate.db-wal", "tollgate.db-shm", "tollgate.db.key"} {
		if got := mode(t, filepath.Join(dir, name)); got != 0o600 {
			t.Errorf("%s has mode %o", name, got)
		}
	}
	p.signal(syscall.SIGTERM)
	if err := p.wait(15 * time.Second); err != nil {
		t.Fatal(err)
	}
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(pieces ...string) {
		t.Helper()
		_, said := runs(t, exitFailed, "serve", "-c", file)
		for _, piece := range pieces {
			if !strings.Contains(said, piece) {
				t.Errorf("it says %q, which lacks %q", said, piece)
			}
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	refused(key, "no such file", "put back")
	if _, err := os.Stat(key); err == nil {
		t.Error("a lost master key was replaced")
	}
	write(t, key, "8f3a9b1c7d5e2f4a6b8c0d1e3f5a7b9c")
	refused("does not open", "put back")
	write(t, key, "short")
	refused(key, "32")
	write(t, key, string(right))
	for _, others := range []os.FileMode{0o604, 0o644, 0o606, 0o620} {
		if err := os.Chmod(key, others); err != nil {
			t.Fatal(err)
		}
		refused(key, "chmod 600")
	}
	for _, fine := range []os.FileMode{0o400, 0o440, 0o600, 0o640} {
		if err := os.Chmod(key, fine); err != nil {
			t.Fatal(err)
		}
		serving(t, file).signal(syscall.SIGKILL)
	}
}
