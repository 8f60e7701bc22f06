package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/gateway/wire/transcript"
)

// Every conversation in gateway/wire/testdata goes over TCP as it is written
// there, against a fresh site with a real database: the answers are the
// documented ones, to the letter where they can be, and the upstream sees
// exactly the requests it should.
func TestTranscripts(t *testing.T) {
	folder := filepath.Join(root, "gateway", "wire", "testdata")
	config, err := os.ReadFile(filepath.Join(folder, "site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		name, _ := filepath.Rel(folder, file)
		t.Run(strings.TrimSuffix(filepath.ToSlash(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			converse(t, string(config), file)
		})
	}
}

// conversation is one file under way.
type conversation struct {
	*site
	sandbox *origin
	values  transcript.Values
}

func converse(t *testing.T, config, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exchanges, err := transcript.Parse(filepath.Base(file), string(text))
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	sandbox := newOrigin(t)
	config = strings.NewReplacer("SANDBOX", sandbox.url(), "GONE", "http://"+nobody.Addr().String()).Replace(config)
	c := &conversation{site: newSite(t, config), sandbox: sandbox, values: transcript.Values{Named: map[string]string{}}}
	c.values.Named["merchant"] = c.merchant
	for i := range exchanges {
		if err := c.carryOut(&exchanges[i]); err != nil {
			t.Fatalf("%s (%s): %v", exchanges[i].Place, exchanges[i].Name, err)
		}
	}
}

func (c *conversation) carryOut(e *transcript.Exchange) error {
	c.values.Now = time.Now()
	for _, d := range e.Directives {
		switch d.Word {
		case "admin":
			if err := c.administer(d.Rest); err != nil {
				return err
			}
		case "outage":
			c.outage = true
			if err := c.house.store.Close(); err != nil {
				return err
			}
		}
	}
	raw, err := e.Compose(&c.values)
	if err != nil {
		return err
	}
	seen := c.origin.seen.Load() + c.sandbox.seen.Load()
	got, err := c.sendAll(e, string(raw))
	if err != nil {
		return err
	}
	get := func(name string) []string { return got.header.Values(name) }
	if err := e.Match(&c.values, got.status, get, got.body); err != nil {
		return fmt.Errorf("%w\nanswer: %d %v\n%s", err, got.status, got.header, got.body)
	}
	want, err := e.Count("upstream", 0)
	if reached := c.origin.seen.Load() + c.sandbox.seen.Load() - seen; err == nil && reached != int64(want) {
		err = fmt.Errorf("the upstream saw %d requests, want %d", reached, want)
	}
	return err
}

// sendAll sends the request as often as asked for, and gives the last answer.
func (c *conversation) sendAll(e *transcript.Exchange, raw string) (got reply, err error) {
	times, err := e.Count("repeat", 1)
	if err != nil {
		return got, err
	}
	for range times {
		if got, err = exchange(c.client.gateway, raw); err != nil {
			return got, err
		}
	}
	if _, waits := e.Find("eventually"); waits {
		c.eventually(e.Place, func() bool {
			got, err = exchange(c.client.gateway, raw)
			return err != nil || got.status == e.Want.Status
		})
	}
	return got, err
}

// administer makes one call of the admin API and keeps what it answers.
func (c *conversation) administer(rest string) error {
	rest, name, _ := strings.Cut(rest, " -> ")
	rest, err := c.values.Fill(rest)
	if err != nil {
		return err
	}
	method, rest, _ := strings.Cut(rest, " ")
	path, body, _ := strings.Cut(rest, " ")
	status, answer := c.try(method, path, body)
	if status/100 != 2 {
		return fmt.Errorf("@admin %s %s: %d %s", method, path, status, answer)
	}
	if name == "" {
		return nil
	}
	var members any
	if err := json.Unmarshal([]byte(answer), &members); err != nil {
		return err
	}
	c.keep(name, members)
	return nil
}

func (c *conversation) keep(name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for member, inner := range v {
			c.keep(name+"."+member, inner)
		}
	case string:
		c.values.Named[name] = v
	case float64:
		c.values.Named[name] = fmt.Sprint(v)
	}
}
