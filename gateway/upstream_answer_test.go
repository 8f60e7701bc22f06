package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// tape is a connection that plays back what an upstream sent.
type tape struct {
	net.Conn
	io.Reader
}

func (t tape) Read(p []byte) (int, error)    { return t.Reader.Read(p) }
func (tape) Close() error                    { return nil }
func (tape) SetReadDeadline(time.Time) error { return nil }

// reading is what became of one answer.
type reading struct {
	err    error
	status int
	body   string
	rest   string // what was read behind the answer
	kept   bool   // the connection would have been used again
}

// readAll reads one answer from r as an exchange does.
func readAll(r io.Reader, method string) (got reading) {
	x := &exchange{in: make([]byte, firstRead), parcel: new(budget).parcel()}
	x.outgoing.method = []byte(method)
	c := tape{Reader: r}
	x.conn = &conn{stream: c, socket: c}
	if got.err = x.readAnswer(); got.err == nil {
		got.err = x.readBody(defaultMaxResponse)
	}
	if got.err != nil {
		return got
	}
	got.status, got.body = x.answer.status, string(x.parcel.bytes)
	got.rest = string(x.in[x.r:x.w])
	got.kept = x.whole && !x.tainted && !x.answer.last && got.rest == ""
	return got
}

// TestReadsHoweverItArrives guarantees that an answer means the same whether it
// arrives at once or byte by byte.
func TestReadsHoweverItArrives(t *testing.T) {
	for _, text := range seedAnswers {
		for _, method := range []string{"GET", "HEAD"} {
			once := readAll(strings.NewReader(text), method)
			slow := readAll(iotest.OneByteReader(strings.NewReader(text)), method)
			half := readAll(iotest.DataErrReader(strings.NewReader(text)), method)
			once.rest, slow.rest, half.rest, once.kept, slow.kept, half.kept = "", "", "", false, false, false
			if once != slow || once != half {
				t.Errorf("%s %q\nat once %+v\nslowly %+v\nwith its end %+v", method, text, once, slow, half)
			}
		}
	}
}

var seedAnswers = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nownHTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nown\r\n0\r\nA: b\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 200 OK\nContent-Length: 3\n\nown",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nown!",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}

// FuzzAnswer guarantees two things of every byte sequence an upstream can send:
// reading it slowly gives what reading it at once gives, and whatever we take
// for a whole answer net/http takes for the same answer with the same end.
func FuzzAnswer(f *testing.F) {
	for _, text := range seedAnswers {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, toHEAD bool) {
		method := "GET"
		if toHEAD {
			method = "HEAD"
		}
		ours := readAll(bytes.NewReader(data), method)
		slow := readAll(iotest.OneByteReader(bytes.NewReader(data)), method)
		if (ours.err == nil) != (slow.err == nil) || ours.err == nil && (ours.status != slow.status || ours.body != slow.body) {
			t.Fatalf("at once %+v\nslowly %+v", ours, slow)
		}
		if ours.err != nil {
			return
		}
		theirs, err := readStd(data, method)
		if err != nil {
			t.Fatalf("we read %+v, net/http says %v", ours, err)
		}
		if theirs.status != ours.status || theirs.body != ours.body || theirs.rest != ours.rest {
			t.Fatalf("we read %+v\nnet/http %+v", ours, theirs)
		}
	})
}

// readStd reads the final answer with net/http.
func readStd(data []byte, method string) (got reading, err error) {
	r := bufio.NewReaderSize(bytes.NewReader(data), len(data)+16)
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return got, err
		}
		if resp.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return got, err
		}
		rest, _ := io.ReadAll(r)
		return reading{status: resp.StatusCode, body: string(body), rest: string(rest)}, nil
	}
}

// TestAnyFramingRoundTrips guarantees that every body comes through whole and
// ends where it ends, however it is framed and cut into chunks and reads, and
// that no strict prefix of an answer is ever taken for a whole one.
func TestAnyFramingRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 40000).Draw(t, "body")
		var wire bytes.Buffer
		if rapid.Bool().Draw(t, "chunked") {
			wire.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n")
			for rest := body; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
				fmt.Fprintf(&wire, "%X\r\n%s\r\n", n, rest[:n])
				rest = rest[n:]
			}
			wire.WriteString("0\r\n\r\n")
		} else {
			fmt.Fprintf(&wire, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		text := wire.Bytes()
		pause := rapid.IntRange(1, len(text)).Draw(t, "pause")
		in := io.MultiReader(bytes.NewReader(text[:pause]), bytes.NewReader(text[pause:]))
		if got := readAll(in, "POST"); got.err != nil || got.body != string(body) || !got.kept {
			t.Fatalf("got %d bytes, kept %v, %v; want %d", len(got.body), got.kept, got.err, len(body))
		}
		cut := rapid.IntRange(0, len(text)-1).Draw(t, "cut")
		if got := readAll(bytes.NewReader(text[:cut]), "POST"); got.err == nil {
			t.Fatalf("%d of %d bytes were taken for a whole answer", cut, len(text))
		}
	})
}

// TestAnswerVectors guarantees that no answer which llhttp refuses is taken and
// its connection used again. The vectors are others' work and not in this
// repository.
func TestAnswerVectors(t *testing.T) {
	refused, taken := 0, 0
	for _, v := range answerVectors(t) {
		got := readAll(strings.NewReader(v.wire), "GET")
		if got.err == nil && got.kept && strings.Contains(v.log, "error code=") && !strings.Contains(v.log, "Paused") {
			t.Errorf("%s: llhttp refuses what we take: %q → %+v", v.file, v.wire, got)
		}
		if got.err == nil {
			taken++
		} else {
			refused++
		}
	}
	if taken < 10 || refused < 20 {
		t.Errorf("%d fixtures were taken and %d refused; that is not what the folder holds", taken, refused)
	}
}

// TestAnswerVectorsTwoClients guarantees, for each of llhttp's answers, whether
// it is one or not: who asked gets a whole answer or 502, and the next client,
// and the first again, their own and not a byte of it.
func TestAnswerVectorsTwoClients(t *testing.T) {
	for i, v := range answerVectors(t) {
		o := newOrigin(t, hostile(saysAndCloses(v.wire)))
		f := newFront(t, []string{o.url})
		a, b := f.client(t), f.client(t)
		if g := a.ask("POST", "/pay", "attack", "x"); g.err != nil || g.status == 200 && !strings.Contains(v.wire, g.body) && !strings.Contains(v.wire, "chunked") {
			t.Errorf("%s %d: %q got %v", v.file, i, v.wire, g)
		}
		until(t, "the end of the connection arrived", func() bool { _, quiet := f.up.idle(); return quiet == 0 })
		b.wantAnswer("POST", "b")
		a.wantAnswer("GET", "a")
		if n := o.executed("attack"); n != 1 {
			t.Errorf("%s %d: executed %d times", v.file, i, n)
		}
	}
}

// answerVector is one of llhttp's fixtures: an answer, and what llhttp makes of
// it.
type answerVector struct{ file, wire, log string }

func answerVectors(t *testing.T) (all []answerVector) {
	t.Helper()
	root := os.Getenv("TOLLGATE_VECTORS")
	if root == "" {
		root = "../../shared/vectors"
	}
	files, _ := filepath.Glob(filepath.Join(root, "llhttp", "response", "*.md"))
	if len(files) == 0 {
		if strings.Contains(os.Getenv("TOLLGATE_TEST_REQUIRE"), "vectors") {
			t.Fatalf("no vectors in %s, and TOLLGATE_TEST_REQUIRE names them", root)
		}
		t.Skipf("no vectors in %s", root)
	}
	fixture := regexp.MustCompile("(?s)<!-- meta=(\\{[^\n]*\\}) -->\n```http\n(.*?)```\n\n```log\n(.*?)```")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fixture.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], `"response"`) {
				all = append(all, answerVector{filepath.Base(file), unescapeFixture(m[2]), m[3]})
			}
		}
	}
	return all
}

// unescapeFixture makes a fixture the bytes it stands for, as llhttp's own
// runner does.
func unescapeFixture(s string) string {
	s = strings.TrimSuffix(s, "\n")
	s = strings.ReplaceAll(s, "\\\n", "")
	s = strings.ReplaceAll(s, "\n", "\r\n")
	s = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\f`, "\f").Replace(s)
	return regexp.MustCompile(`\\x[0-9a-fA-F]{2}`).ReplaceAllStringFunc(s, func(h string) string {
		n, _ := strconv.ParseUint(h[2:], 16, 8)
		return string([]byte{byte(n)})
	})
}

// TestGarbageFailsAtOnce guarantees that what can never become an answer is
// refused when it arrives and not at the deadline.
func TestGarbageFailsAtOnce(t *testing.T) {
	waits := errors.New("it asked for more")
	for _, text := range []string{"X", "HTTP/2", "http/1.1 200 OK", "\r\n", "HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\r\nA: b\nB",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1", 300)} {
		r := io.MultiReader(strings.NewReader(text), iotest.ErrReader(waits))
		if got := readAll(r, "GET"); got.err == nil || errors.Is(got.err, waits) {
			t.Errorf("%q: %v", text, got.err)
		}
	}
}
