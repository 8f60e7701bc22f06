//go:build linux && !race

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"unsafe"
)

// inOwnNetwork runs the calling test again in a network of its own, in which
// sockets hold no more than they would towards a distant client (the loopback's
// large segments let each take megabytes, so that no reader is ever too slow).
// It reports whether this already is that run; the outer one has nothing to do.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	const inside = "TOLLGATE_TEST_NETWORK"
	if os.Getenv(inside) != "" {
		raiseLoopback(t)
		if err := os.WriteFile("/proc/sys/net/ipv4/tcp_wmem", []byte("4096 16384 65536"), 0o600); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if _, err := built(); err != nil { // for the inner run too
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "30m")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	t.Logf("in a network of its own:\n%s", out)
	if err == nil {
		return false
	}
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		t.Fatalf("the run in a network of its own: %v", err)
	case required("network"):
		t.Fatalf("TOLLGATE_TEST_REQUIRE names network, and a network of its own cannot be made: %v", err)
	default:
		t.Skipf("a network of its own cannot be made here (%v); this test needs one", err)
	}
	return false
}

// raiseLoopback switches the loopback interface on, as a new network has it off.
func raiseLoopback(t *testing.T) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{name: [syscall.IFNAMSIZ]byte{'l', 'o'}, flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	if _, _, fault := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); fault != 0 {
		t.Fatalf("the loopback interface: %v", fault)
	}
}
