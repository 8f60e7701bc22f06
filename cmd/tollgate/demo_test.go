package main

import (
	"bytes"
	"context"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program finds a program that a test calls. Where it is not there the test
// skips, unless TOLLGATE_TEST_REQUIRE names it.
func program(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if required(name) {
		t.Fatalf("TOLLGATE_TEST_REQUIRE names %s, and there is no such program here", name)
	}
	t.Skipf("the program %s is not on this machine; install it to run this test", name)
}

// required reports whether a test that misses something must fail, not skip.
func required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("TOLLGATE_TEST_REQUIRE"), ","), name)
}

// demoAt spawns the demo on free ports and waits until it has said everything.
func demoAt(t *testing.T, data string, more ...string) *process {
	t.Helper()
	path := "PATH=" + os.Getenv("PATH")
	p := spawn(t, []string{path}, append([]string{"demo", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, more...)...)
	p.awaitReady()
	p.eventually("the demo's last line", func() bool { return strings.Contains(p.stdout.String(), "Ctrl-C") })
	return p
}

// interrupt ends a demo as Ctrl-C does.
func (p *process) interrupt() {
	p.t.Helper()
	p.signal(syscall.SIGINT)
	if err := p.wait(15 * time.Second); err != nil {
		p.t.Errorf("after Ctrl-C: %v\n%s", err, p.stderr)
	}
}

// keepsPromises pastes every line that the demo printed into a shell, after a
// first line, and compares with what it promises.
func (p *process) keepsPromises(first string) {
	p.t.Helper()
	expect, kept := "", 0
	for line := range strings.Lines(p.stdout.String()) {
		line = strings.TrimSuffix(line, "\n")
		if promise, is := strings.CutPrefix(line, "# expect "); is {
			expect = promise
			continue
		}
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		status, word, _ := strings.Cut(expect, " ")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		out, err := exec.CommandContext(ctx, "sh", "-c", first+"\n"+line).Output()
		cancel()
		answer := strings.TrimRight(string(out), "\n")
		at := strings.LastIndexByte(answer, '\n')
		if err != nil || answer[at+1:] != status || word != "allowed" && !strings.Contains(answer, `"`+word+`"`) {
			p.t.Errorf("expected %s of\n%s\ngot %v %s", expect, line, err, answer)
			continue
		}
		kept++
		expect = ""
	}
	if promised := len(demoLines("")) + 1; kept != promised {
		p.t.Errorf("%d lines kept their promise, want %d:\n%s", kept, promised, p.stdout)
	}
}

// The demo prints lines that hold what they promise when they are pasted; a
// second start on the same data finds everything, and its lines hold with the
// variables of the first.
func TestDemoKeepsItsPromises(t *testing.T) {
	t.Parallel()
	program(t, "curl")
	program(t, "openssl")
	data := filepath.Join(t.TempDir(), "data")
	p := demoAt(t, data)
	p.keepsPromises("")
	variables := regexp.MustCompile(`(?m)^TG_[A-Z_]+=\S+`).FindAllString(p.stdout.String(), -1)
	if len(variables) != len(demoVariables) {
		t.Errorf("%d variables are printed, want %d", len(variables), len(demoVariables))
	}
	p.interrupt()

	p = demoAt(t, data)
	for _, piece := range []string{"$TG_KEY", "Checkout CI", "REVOKED", "EXPIRED", "create-key"} {
		if !strings.Contains(p.stdout.String(), piece) {
			t.Errorf("the second start does not say %s", piece)
		}
	}
	for _, v := range variables {
		if name, secret, _ := strings.Cut(v, "="); !public(name) && strings.Contains(p.stdout.String(), secret) {
			t.Errorf("the second start knows %s, which is kept as a digest only", name)
		}
	}
	p.keepsPromises(strings.Join(variables, "\n"))
	p.interrupt()
}

// public reports whether a variable of the demo holds no secret.
func public(name string) bool {
	for _, v := range demoVariables {
		if v.name == name {
			return v.public
		}
	}
	return false
}

// With --credentials the secrets go to one file, for its owner alone, and to no
// other place: not to the terminal, not to the log, not into the data folder.
func TestDemoCredentialsFile(t *testing.T) {
	t.Parallel()
	program(t, "curl")
	program(t, "openssl")
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "it's a file")
	p := demoAt(t, data, "--credentials", file)
	if got := mode(t, file); got != 0o600 {
		t.Errorf("%s has mode %o", file, got)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, v := range regexp.MustCompile(`(?m)^(TG_[A-Z_]+)='([^']{12,})'$`).FindAllStringSubmatch(string(content), -1) {
		if !public(v[1]) {
			secrets = append(secrets, v[2])
		}
	}
	if len(secrets) != 15 {
		t.Errorf("%d secrets in %s", len(secrets), content)
	}
	p.keepsPromises(". " + shellPath(file))
	p.interrupt()
	everywhere := map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String()}
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if got := mode(t, path); got != 0o600 {
				t.Errorf("%s has mode %o", path, got)
			}
			var text []byte
			text, err = os.ReadFile(path)
			everywhere[path] = string(text)
		}
		return err
	})
	if err != nil || len(everywhere) < 5 {
		t.Fatal(err, len(everywhere))
	}
	for place, text := range everywhere {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s… is in %s", secret[:12], place)
			}
		}
	}

	p = demoAt(t, data, "--credentials", file)
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, content) {
		t.Errorf("the second start changed the file: %v", err)
	}
	if !strings.Contains(p.stdout.String(), "\n. "+shellPath(file)+"\n") {
		t.Errorf("the second start does not point to the file: %s", p.stdout)
	}
	p.interrupt()
}

// What cannot work is said in one line that names what would, and leaves
// nothing half made.
func TestDemoSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(dir, "file")
	write(t, file, "mine")
	f := func(data string, pieces []string, more ...string) {
		t.Helper()
		_, said := runs(t, exitFailed, append([]string{"demo", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, more...)...)
		for _, piece := range pieces {
			if !strings.Contains(said, piece) {
				t.Errorf("%v: it says %q, which lacks %q", more, said, piece)
			}
		}
	}
	data := filepath.Join(dir, "data")
	f(data, []string{"listen: another process listens on " + taken.Addr().String(), "another port"}, "--listen", taken.Addr().String())
	f(data, []string{"admin.listen: another process listens on", "another port"}, "--admin", taken.Addr().String())
	f(data, []string{"listen", "host:port"}, "--listen", "8080")
	f(filepath.Join(file, "below"), []string{"--data", "not a directory"})
	f(data, []string{"--credentials", "is there already and is not overwritten"}, "--credentials", file)
	if got, err := os.ReadFile(file); err != nil || string(got) != "mine" {
		t.Errorf("the file of somebody else: %q %v", got, err)
	}
	f(data, []string{"--credentials"}, "--credentials", filepath.Join(file, "below"))
	if os.Getuid() != 0 { // root may write anywhere
		locked := filepath.Join(dir, "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		f(locked, []string{"--data", "permission denied"})
		f(filepath.Join(locked, "below"), []string{"--data", "permission denied"})
	}
	// After all these the first start is still the first.
	p := demoAt(t, data)
	if !strings.Contains(p.stdout.String(), "shown this once") {
		t.Errorf("it is not a first start: %s", p.stdout)
	}
	p.interrupt()
}

// A first start that was killed on its way is no obstacle: the next one revokes
// what was half made and begins anew.
func TestDemoGetsOverAHalfMadeStart(t *testing.T) {
	t.Parallel()
	program(t, "curl")
	program(t, "openssl")
	data := filepath.Join(t.TempDir(), "data")
	p := spawn(t, []string{}, "demo", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	p.eventually("a token", func() bool { return strings.Contains(p.stderr.String(), `"route":"POST /admin/v1/tokens"`) })
	p.signal(syscall.SIGKILL)
	_ = p.wait(10 * time.Second)
	if strings.Contains(p.stdout.String(), "shown this once") {
		t.Fatal("it was not killed on its way")
	}
	p = demoAt(t, data)
	if !strings.Contains(p.stdout.String(), "shown this once") {
		t.Fatalf("no credentials are shown: %s", p.stdout)
	}
	p.keepsPromises("")
	p.interrupt()
}
