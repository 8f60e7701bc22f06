package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// connections is how many clients ask at once, each on its own connection.
const connections = 64

// loadCase is one kind of request.
type loadCase struct {
	name          string
	method, path  string
	authorization string
	body          string
}

// measure sends requests and returns the subject's CPU time for each. Any
// answer but 200 makes the measurement void.
func measure(s *subject, c loadCase, requests int) (time.Duration, error) {
	if err := drive(s.address, c, requests/10); err != nil { // warm: caches, pools, connections
		return 0, err
	}
	before, err := s.cpu()
	if err != nil {
		return 0, err
	}
	if err := drive(s.address, c, requests); err != nil {
		return 0, err
	}
	after, err := s.cpu()
	if err != nil {
		return 0, err
	}
	return (after - before) / time.Duration(requests), nil
}

func drive(address string, c loadCase, requests int) error {
	client := fasthttp.HostClient{Addr: address, MaxConns: connections, ReadTimeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(requests))
	var failure atomic.Pointer[error]
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			var req fasthttp.Request
			var resp fasthttp.Response
			req.Header.SetMethod(c.method)
			req.SetRequestURI("http://" + address + c.path)
			req.Header.Set("Authorization", c.authorization)
			if c.body != "" {
				req.Header.SetContentType("application/json")
				req.SetBodyString(c.body)
			}
			for left.Add(-1) >= 0 && failure.Load() == nil {
				err := client.Do(&req, &resp)
				if err == nil && resp.StatusCode() != fasthttp.StatusOK {
					err = fmt.Errorf("answered %d: %s", resp.StatusCode(), resp.Body())
				}
				if err != nil {
					failure.Store(&err)
				}
			}
		})
	}
	all.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}
