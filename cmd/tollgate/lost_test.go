package main

import (
	"database/sql"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lostConfig keeps a spent refresh token's grace over a restart on a slow machine.
const lostConfig = siteConfig + "tokens: {refresh: {grace: 2m}}\n"

// renewal is a request for the next pair of a family.
func renewal(g *generated, refresh string) string {
	return request("POST", "/api/token", "grant_type=refresh_token&refresh_token="+refresh, basicAuth(g.ClientID, g.ClientSecret), formType)
}

// pairs is how many pairs the database holds, read beside the running gateway.
func pairs(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(`SELECT count(*) FROM pairs`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// alive is how many refresh tokens can still be spent.
func alive(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(`SELECT count(*) FROM pairs WHERE refresh IS NOT NULL AND spent_at = 0 AND ended_at = 0`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The gateway is killed when a renewal is committed and its answer has not been
// read: the client, which has only the old refresh token, gets a new pair for it
// from the next process, and there is one live pair.
func TestARetryWorksAfterAKillBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	file := configFile(t, lostConfig, newOrigin(t).url())
	p := serving(t, file)
	p.addMerchant("Boutique")
	g := p.generate(p.token(composed))
	db, err := sql.Open("sqlite", "file:"+filepath.Join(filepath.Dir(file), "tollgate.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	refresh := g.RefreshToken
	for round := range 3 {
		before := pairs(t, db)
		conn, err := net.Dial("tcp", p.gateway)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, renewal(&g, refresh)); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); pairs(t, db) == before; {
			if time.Now().After(deadline) {
				t.Fatal("nothing is committed")
			}
		}
		p.signal(syscall.SIGKILL)
		_ = p.wait(10 * time.Second)
		conn.Close() // what stands in it was never read
		p = serving(t, file)
		got := p.send(renewal(&g, refresh))
		refresh = text(t, got, "refresh_token")
		p.wantStatus(pay(text(t, got, "access_token"), good), 200)
		if n := alive(t, db); n != 1 {
			t.Fatalf("round %d: %d refresh tokens can be spent", round, n)
		}
	}
	// And the family is as sound as one whose answers all arrived.
	text(t, p.send(renewal(&g, refresh)), "access_token")
}

// Killed at any moment of a renewal, before its commit or behind its answer, the
// gateway leaves a family that the client can go on with.
func TestARenewalSurvivesAKillAtAnyMoment(t *testing.T) {
	t.Parallel()
	file := configFile(t, lostConfig, newOrigin(t).url())
	p := serving(t, file)
	p.addMerchant("Boutique")
	g := p.generate(p.token(composed))
	refresh, heard := g.RefreshToken, 0
	for range 6 {
		stopped := time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, func() { _ = p.cmd.Process.Signal(syscall.SIGKILL) })
		for {
			got, err := exchange(p.gateway, renewal(&g, refresh))
			if err != nil {
				break // killed; the answer is lost, or there was none
			}
			refresh = text(t, got, "refresh_token")
			heard++
		}
		stopped.Stop()
		_ = p.wait(10 * time.Second)
		p = serving(t, file)
		refresh = text(t, p.send(renewal(&g, refresh)), "refresh_token")
	}
	t.Logf("%d renewals were answered", heard)
}

// Fifty callers who spend one refresh token at once: inside the grace each new
// pair replaces the unused one before it, and exactly one lives; without a grace
// one is answered, and the others are re-use, which ends that one too.
func TestFiftyRenewalsLeaveOnePair(t *testing.T) {
	for grace, want := range map[string]struct{ least, most, live int }{"10s": {1, 50, 1}, "0s": {1, 1, 0}} {
		s := newSite(t, siteConfig+"tokens: {refresh: {grace: "+grace+"}}\n")
		g := s.generate(s.token(composed))
		won, live := 0, 0
		for _, got := range s.fifty(renewal(&g, g.RefreshToken)) {
			switch {
			case got.status == 200:
				won++
				live += s.livesOn(text(t, got, "access_token"))
			case got.status != 400 || string(got.body) != `{"error":"invalid_grant"}`:
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		if won < want.least || won > want.most || live != want.live {
			t.Errorf("grace %s: %d of 50 were answered with a pair, and %d access tokens live", grace, won, live)
		}
	}
}

// fifty sends a request on fifty connections at once.
func (s *client) fifty(raw string) []reply {
	s.t.Helper()
	answers := make([]reply, 50)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			<-start
			var err error
			if answers[i], err = exchange(s.gateway, raw); err != nil {
				s.t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	return answers
}

// livesOn is 1 when a JWT is accepted, and 0 when not.
func (s *client) livesOn(jwt string) int {
	if s.send(pay(jwt, good)).status == 200 {
		return 1
	}
	return 0
}
