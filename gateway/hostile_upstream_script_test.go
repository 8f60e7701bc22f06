package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// behaviour is one file of testdata/upstream: what an upstream does to one
// request, and what the client that sent it must get. README.md there tells the
// words.
type behaviour struct {
	name    string
	methods []string
	body    int           // bytes of the client's
	timeout time.Duration // of the route
	stream  bool          // the route's
	eager   bool          // the origin acts on the head, and does not wait for the body
	steps   []step
	status  int
	text    string // the body that the client must get; "" with told false: any without a foreign word
	told    bool
	cut     bool     // the client's connection must end inside the answer
	shows   []string // header lines that the client must see
	hides   []string // header names that it must not
}

// step is one thing that the origin does.
type step struct {
	verb  string
	text  string
	times int
}

func readBehaviours(t testing.TB) []*behaviour {
	t.Helper()
	files, err := filepath.Glob("testdata/upstream/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no behaviours: %v", err)
	}
	var all []*behaviour
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b := &behaviour{name: strings.TrimSuffix(filepath.Base(file), ".txt"), methods: []string{"GET", "PUT", "POST", "DELETE"}, timeout: 10 * time.Second}
		for n, line := range strings.Split(string(text), "\n") {
			if line == "" || line[0] == '#' {
				continue
			}
			if err := b.read(line); err != nil {
				t.Fatalf("%s:%d: %v", file, n+1, err)
			}
		}
		if b.status == 0 && !b.cut || !strings.HasPrefix(string(text), "# ") {
			t.Fatalf("%s does not say what it is, or what the client gets", file)
		}
		all = append(all, b)
	}
	return all
}

func (b *behaviour) read(line string) (err error) {
	subject, rest, _ := strings.Cut(line, " ")
	verb, rest, _ := strings.Cut(rest, " ")
	switch subject + " " + verb {
	case "client asks":
		b.methods = strings.Fields(rest)
	case "client sends":
		b.body, err = strconv.Atoi(strings.TrimSuffix(rest, " bytes"))
	case "client gets":
		if b.cut = rest == "half"; b.cut {
			return nil
		}
		var code string
		code, b.text, b.told = strings.Cut(rest, " ")
		b.status, err = strconv.Atoi(code)
	case "client sees":
		b.shows = append(b.shows, rest)
	case "client misses":
		b.hides = append(b.hides, rest)
	case "route waits":
		b.timeout, err = time.ParseDuration(rest)
	case "route streams":
		b.stream = true
	case "origin reads":
		b.eager = rest == "the head"
	case "origin sends", "origin drips":
		s := step{verb: verb, times: 1}
		if count, text, ok := strings.Cut(rest, " times "); ok {
			if s.times, err = strconv.Atoi(count); err != nil {
				return err
			}
			rest = text
		}
		s.text, err = strconv.Unquote(`"` + rest + `"`)
		b.steps = append(b.steps, s)
	case "origin waits": // until the client has its answer
		b.steps = append(b.steps, step{verb: verb})
	case "origin closes", "origin resets", "origin ends", "origin hangs", "origin drains":
		b.steps = append(b.steps, step{verb: verb})
	default:
		return fmt.Errorf("%q is none of the words", line)
	}
	return err
}

// badOrigin does to requests marked attack what a behaviour says, and answers
// all others by their mark.
type badOrigin struct {
	*behaviour
	listen   net.Listener
	answered chan struct{} // one for each client that has its answer
	acted    chan struct{} // one for each time that the steps are over
	over     chan struct{}
	mu       sync.Mutex
	whole    map[string]int // requests that were read to their end, by mark
}

func newBadOrigin(t testing.TB, b *behaviour) *badOrigin {
	t.Helper()
	o := &badOrigin{behaviour: b, answered: make(chan struct{}, 64), acted: make(chan struct{}, 64), over: make(chan struct{}), whole: map[string]int{}}
	o.listen = serveAll(t, o.over, o.serve)
	return o
}

func (o *badOrigin) url() string { return "http://" + o.listen.Addr().String() }

func (o *badOrigin) serve(c net.Conn) {
	defer c.Close()
	ended := make(chan struct{})
	defer close(ended)
	go func() { // whatever it does, it ends with the test
		select {
		case <-o.over:
			c.Close()
		case <-ended:
		}
	}()
	r := bufio.NewReader(c)
	for {
		mark, length, err := readBadHead(r)
		if err != nil {
			return
		}
		if mark == "attack" && o.eager {
			o.act(c)
			return
		}
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return
		}
		o.mu.Lock()
		o.whole[mark]++
		o.mu.Unlock()
		if mark == "attack" {
			o.act(c)
		} else {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\nfor %s", 4+len(mark), mark)
		}
	}
}

// readBadHead reads a request's head: its mark and the length of its body.
func readBadHead(r *bufio.Reader) (mark string, length int, err error) {
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", 0, err
		}
		if line = strings.TrimSuffix(line, "\r\n"); line == "" && !first {
			return mark, length, nil
		}
		if v, ok := strings.CutPrefix(line, "X-Mark: "); ok {
			mark = v
		}
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(v)
		}
	}
}

func (o *badOrigin) act(c net.Conn) {
	defer func() { o.acted <- struct{}{} }()
	for _, s := range o.steps {
		switch s.verb {
		case "sends":
			for range s.times {
				if _, err := io.WriteString(c, s.text); err != nil {
					return
				}
			}
		case "drips":
			o.drip(c, strings.Repeat(s.text, s.times))
		case "waits", "hangs":
			select {
			case <-o.answered:
			case <-o.over:
			}
		case "drains":
			io.Copy(io.Discard, c)
		case "ends":
			c.(*net.TCPConn).CloseWrite()
		case "closes":
			c.Close()
		case "resets":
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	}
}

func (o *badOrigin) drip(c net.Conn, text string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range len(text) {
		select {
		case <-tick.C:
		case <-o.over:
			return
		}
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
	}
}

func (o *badOrigin) executed(mark string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.whole[mark]
}

// serveAll serves each connection that comes in on a goroutine of its own until
// the test ends. over is closed then, so that whoever waits for it goes home.
func serveAll(t testing.TB, over chan struct{}, serve func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		close(over)
		l.Close()
		served.Wait()
	})
	return l
}
