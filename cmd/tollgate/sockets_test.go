package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/configs"
)

// activated starts `tollgate serve` as systemd would: with sockets that somebody
// else opened, and a socket to be told on. A shell knows its own process id,
// which the variables have to name, and becomes the process.
func activated(t *testing.T, file, names string, environ []string, listeners ...net.Listener) *process {
	t.Helper()
	program(t, "sh")
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	self := tollgate(t, nil).Path
	variables := "LISTEN_PID=$$ LISTEN_FDS=" + string(rune('0'+len(listeners)))
	if names != "" {
		variables += " LISTEN_FDNAMES=" + names
	}
	// The test binary is tollgate by the name it is called by, which a shell
	// can choose through a link only.
	link := filepath.Join(t.TempDir(), "tollgate")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	p := &process{client: client{t: t, adminKey: bootstrap}, stdout: &lines{}, stderr: &lines{}, ended: make(chan error, 1)}
	p.cmd = &exec.Cmd{Path: sh, Args: []string{"sh", "-c", variables + ` exec "$0" "$@"`, link, "serve", "-c", file},
		Env: append([]string{"TOLLGATE_ADMIN_BOOTSTRAP_KEY=" + bootstrap}, environ...)}
	for _, l := range listeners {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, f)
	}
	p.start()
	return p
}

func localSocket(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// manager is a service manager's socket and all that it hears.
func manager(t *testing.T) (environ string, heard *lines) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	heard = &lines{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		room := make([]byte, 1024)
		for {
			n, err := l.Read(room)
			if err != nil {
				return
			}
			heard.Write(append(room[:n:n], "\n--\n"...))
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return "NOTIFY_SOCKET=" + path, heard
}

// Sockets that systemd opened, on ports that this process may not open, are
// served, by name or by order; the configured addresses do not matter then;
// systemd hears when to send requests, of a reload, and of the end; and a
// connection that waited on the socket before the process was there is answered.
func TestSystemdsSocketsAreServed(t *testing.T) {
	t.Parallel()
	for _, names := range []string{"admin:listen", "", "tollgate.socket:tollgate.socket"} {
		front, back := localSocket(t), localSocket(t)
		config := strings.Replace(strings.Replace(siteConfig, "listen: 127.0.0.1:0", "listen: 192.0.2.1:80", 1), "admin: {listen: 127.0.0.1:0}", "admin: {listen: 192.0.2.1:81, insecure: true}", 1)
		file := configFile(t, config, newOrigin(t).url())
		early, err := net.Dial("tcp", front.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer early.Close()
		order := []net.Listener{front, back}
		if names == "admin:listen" {
			order = []net.Listener{back, front}
		}
		environ, heard := manager(t)
		p := activated(t, file, names, []string{environ, "WATCHDOG_USEC=100000"}, order...)
		p.awaitReady()
		if p.gateway != front.Addr().String() || p.admin != back.Addr().String() {
			t.Fatalf("%q: it serves %s and %s, want %s and %s", names, p.gateway, p.admin, front.Addr(), back.Addr())
		}
		told := func(what string) {
			t.Helper()
			p.eventually(what, func() bool { return strings.Contains(heard.String(), what) })
		}
		told("READY=1\nSTATUS=serving on " + p.gateway)
		told("WATCHDOG=1\n")
		early.Write([]byte("GET /-/readyz HTTP/1.1\r\nHost: x\r\n\r\n"))
		early.SetDeadline(time.Now().Add(10 * time.Second))
		var room [12]byte
		if _, err := early.Read(room[:]); err != nil || !bytes.HasPrefix(room[:], []byte("HTTP/1.1 200")) {
			t.Errorf("a connection from before is answered %q, %v", room, err)
		}
		p.signal(syscall.SIGHUP)
		told("RELOADING=1\nMONOTONIC_USEC=")
		p.eventually("word that the reload is over", func() bool {
			_, after, found := strings.Cut(heard.String(), "RELOADING=1")
			return found && strings.Contains(after, "READY=1\n")
		})
		if log := p.stderr.String(); strings.Contains(log, "cannot be changed while running") {
			t.Errorf("a reload takes systemd's address for another one: %s", log)
		}
		p.signal(syscall.SIGTERM)
		told("STOPPING=1\n")
		if err := p.wait(15 * time.Second); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
}

// An admin socket that other machines reach, without TLS, is refused from
// systemd as it is from the configuration; so is a socket that nobody asked for,
// and one that is no TCP listener.
func TestSystemdsSocketsAreJudged(t *testing.T) {
	t.Parallel()
	file := configFile(t, siteConfig, newOrigin(t).url())
	open, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	path, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer path.Close()
	one, two, three := localSocket(t), localSocket(t), localSocket(t)
	for names, try := range map[string]struct {
		given []net.Listener
		want  string
	}{
		"listen:admin":  {[]net.Listener{one, open}, "can be reached from other machines"},
		"listen:other":  {[]net.Listener{one, two}, "a socket too many"},
		"listen:listen": {[]net.Listener{one, two}, "two sockets called listen"},
		"":              {[]net.Listener{one, two, three}, "a socket too many"},
		"listen":        {[]net.Listener{path}, "no TCP listener"},
	} {
		p := activated(t, file, names, nil, try.given...)
		if err := p.wait(20 * time.Second); err == nil || !strings.Contains(p.stderr.String(), try.want) {
			t.Errorf("%q: %v, %s, want %q", names, err, p.stderr, try.want)
		}
	}
}

// The variables that gave us sockets are not handed on: a process that we start
// would take descriptors of its own for them.
func TestActivationIsNotHandedOn(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	t.Setenv("LISTEN_FDNAMES", "listen")
	if found, err := inheritSockets(os.Environ()); len(found) > 0 || err != nil {
		t.Errorf("another process's sockets: %v, %v", found, err)
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if _, set := os.LookupEnv(name); set {
			t.Errorf("%s is still there", name)
		}
	}
}

// The address that counts for URLs and for the guard of the admin side is the
// socket's.
func TestSocketsAddressTakesThePlaceOfTheConfigured(t *testing.T) {
	front, back := localSocket(t), localSocket(t)
	cfg := configs.Default()
	if err := (sockets{"listen": front, "admin": back}).place(&cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.BaseURL() != "http://"+front.Addr().String() || cfg.Admin.Listen != back.Addr().String() {
		t.Errorf("%s, %s", cfg.BaseURL(), cfg.Admin.Listen)
	}
}
