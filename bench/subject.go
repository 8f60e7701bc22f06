package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// subject is a process that is measured.
type subject struct {
	name    string
	address string
	command *exec.Cmd
}

// runOrigin is the service behind both proxies: it answers at once.
func runOrigin(address string) error {
	body := []byte(`{"id":"pay_000001","status":"PENDING"}`)
	server := fasthttp.Server{NoDefaultServerHeader: true, Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBody(body)
	}}
	return server.ListenAndServe(address)
}

// runBare is the proxy that judges nothing, as fasthttp's users write it.
func runBare(address, origin string) error {
	client := fasthttp.HostClient{Addr: origin, MaxConns: 1024}
	server := fasthttp.Server{NoDefaultServerHeader: true, Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.Request.Header.Del("Connection")
		if err := client.Do(&ctx.Request, &ctx.Response); err != nil {
			ctx.Error("bad gateway", fasthttp.StatusBadGateway)
			return
		}
		ctx.Response.Header.Del("Connection")
	}}
	return server.ListenAndServe(address)
}

// start runs a program on one core and waits until its address answers.
func start(name, address, core string, environ []string, argv ...string) (*subject, error) {
	command := exec.Command("taskset", append([]string{"-c", core}, argv...)...)
	command.Env = append(os.Environ(), environ...)
	var said bytes.Buffer
	command.Stderr = &said
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &subject{name: name, address: address, command: command}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			conn.Close()
			return s, nil
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s does not listen on %s: %s", name, address, said.Bytes())
}

func (s *subject) stop() {
	s.command.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	done := make(chan struct{})
	go func() { s.command.Wait(); close(done) }() //nolint:errcheck // its exit code tells nothing here
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		s.command.Process.Kill() //nolint:errcheck // nothing more can be done
	}
}

// cpu is the processor time the process has used, user and system. The kernel
// counts in ticks of 10 ms.
func (s *subject) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, ok := bytes.Cut(stat, []byte(") ")) // the name may hold spaces
	fields := bytes.Fields(after)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("/proc/PID/stat is not as expected: %q", stat)
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, err
}
