package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// unitOf reads a unit file: the values of each directive, in order, as
// Section.Directive; an empty one is a value too.
func unitOf(t *testing.T, name string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "configs/systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	found, section := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		key, value, assigned := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case assigned:
			found[section+"."+key] = append(found[section+"."+key], value)
		default:
			t.Errorf("%s: %q is no directive", name, line)
		}
	}
	return found
}

// The service that is shipped gives tollgate no privilege that it does not need,
// so that whoever takes the process over has little to go on with.
func TestServiceUnitIsHardened(t *testing.T) {
	unit := unitOf(t, "tollgate.service")
	for directive, want := range map[string]string{
		"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "DynamicUser": "yes", "UMask": "0077",
		"ProtectSystem": "strict", "ProtectHome": "yes", "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes",
		"ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectProc": "invisible",
		"PrivateTmp": "yes", "PrivateDevices": "yes", "PrivateUsers": "yes", "StateDirectory": "tollgate", "StateDirectoryMode": "0700",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes",
		"MemoryDenyWriteExecute": "yes", "LockPersonality": "yes", "SystemCallArchitectures": "native",
		"Type": "notify", "TimeoutStopSec": "20s", "ExecReload": "/bin/kill -HUP $MAINPID",
	} {
		if got := unit["Service."+directive]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q once", directive, got, want)
		}
	}
	if got := unit["Service.SystemCallFilter"]; !slices.Equal(got, []string{"@system-service", "~@privileged"}) {
		t.Errorf("SystemCallFilter is %q", got)
	}
	for directive := range unit {
		if strings.HasPrefix(directive, "Service.Exec") && directive != "Service.ExecStart" && directive != "Service.ExecReload" {
			t.Errorf("%s runs something else", directive)
		}
	}
}

// The units start what there is: a command line that this version understands,
// under names and variables that it looks for.
func TestUnitsStartThisVersion(t *testing.T) {
	unit := unitOf(t, "tollgate.service")
	words := strings.Fields(unit["Service.ExecStart"][0])
	var cli commandLine
	parser, err := kong.New(&cli, kong.Name("tollgate"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(words[1:])
	if err != nil || parsed.Command() != "serve" || cli.Serve.Config == "" || filepath.Base(words[0]) != "tollgate" {
		t.Errorf("%v: %v", words, err)
	}
	socket := unitOf(t, "tollgate.socket")
	if got := socket["Socket.FileDescriptorName"]; !slices.Equal(got, []string{"listen"}) {
		t.Errorf("the socket is called %q", got)
	}
	if got := socket["Socket.ListenStream"]; len(got) != 1 {
		t.Errorf("the socket listens on %q: two of one name are refused", got)
	}
	dir := "/var/lib/" + unit["Service.StateDirectory"][0]
	if got := unit["Service.Environment"]; !slices.Contains(got, "TOLLGATE_STORE=sqlite:"+dir+"/tollgate.db") || unit["Service.WorkingDirectory"][0] != dir {
		t.Errorf("the database is not in the only folder that may be written to: %q", got)
	}
}

// systemd itself finds nothing wrong with the units, and what they leave exposed
// small.
func TestSystemdTakesTheUnits(t *testing.T) {
	program(t, "systemd-analyze")
	dir := t.TempDir()
	for _, name := range []string{"tollgate.service", "tollgate.socket"} {
		text, err := os.ReadFile(filepath.Join(root, "configs/systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		// It wants the program to be there.
		write(t, filepath.Join(dir, name), strings.ReplaceAll(string(text), "/usr/local/bin/tollgate", tollgate(t, nil).Path))
	}
	for _, args := range [][]string{
		{"verify", "--man=no", "./tollgate.service", "./tollgate.socket"},
		{"security", "--offline=yes", "--threshold=15", "--no-pager", "./tollgate.service"},
	} {
		cmd := exec.Command("systemd-analyze", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}
