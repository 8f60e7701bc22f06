package sqlite_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

// crashRenew tells the child process of TestARenewal… where the database is,
// which token to renew, from which link on, and whether to die by itself.
const crashRenew = "TOLLGATE_CRASH_RENEW"

// link is the i-th pair of the chain that the client walks. A pair that was
// made and whose answer was lost is another one than the retry's: attempt.
func link(i, attempt int) token.Pair {
	name := fmt.Sprintf("%d.%d", i, attempt)
	return token.Pair{
		Access: token.DigestOf([]byte("access" + name)), Refresh: token.DigestOf([]byte("refresh" + name)),
		AccessEndsAt: token.At(time.Now().Add(time.Hour)),
	}
}

// Whatever moment the process is killed at, and that it is killed between the
// commit and the answer too: a client that repeats its renewal within the grace
// is served, and one pair lives.
func TestARenewalWhoseAnswerWasLostToAKillIsRepeated(t *testing.T) {
	if how := os.Getenv(crashRenew); how != "" {
		renewUntilKilled(t, how)
	}
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(t.TempDir(), "tollgate.db")
	h := beginChain(t, path)
	at, attempt, lost := 0, 0, 0
	for round := range rounds {
		first := at
		at, attempt = killedRenewals(t, fmt.Sprintf("%s|%s|%d|%d|%v", path, h, at, attempt, round%2 == 0), at, attempt)
		s := open(t, path)
		result := renewLink(t, s, h, at, attempt, at+1, 1)
		if result != token.Renewed && result != token.Retried {
			t.Fatalf("round %d, after %d acknowledged: the client's retry is %v", round, at-first, result)
		}
		if result == token.Retried {
			lost++
		}
		if round%2 == 0 && result != token.Retried {
			t.Errorf("round %d: it was killed after the commit, and the retry is %v", round, result)
		}
		at, attempt = at+1, 1
		onlyPair(t, s, at)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d renewals, %d answers lost to kills", at, lost)
	if lost == 0 {
		t.Error("no answer was lost: the test saw nothing")
	}
}

// beginChain makes a database with a token and its family.
func beginChain(t *testing.T, path string) token.Handle {
	t.Helper()
	s := open(t, path)
	m, err := s.AddMerchant(ctx, cli, token.Merchant{Name: "Shop", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	added, err := s.AddToken(ctx, cli, whole(m.ID), nil)
	if err != nil {
		t.Fatal(err)
	}
	family := token.Family{Token: added.Handle, Generation: 1, EndsAt: token.At(time.Now().Add(24 * time.Hour))}
	if _, err := s.BeginFamily(ctx, cli, family, link(0, 0)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return added.Handle
}

// renewLink spends the pair (from, attempt) for the pair (to, toAttempt).
func renewLink(t *testing.T, s *store.Store, h token.Handle, from, attempt, to, toAttempt int) token.RenewalResult {
	t.Helper()
	_, result, err := s.Renew(ctx, cli, h, true, token.Renewal{
		Spent: link(from, attempt).Refresh, Next: link(to, toAttempt), Generation: 1, Grace: time.Minute, Idle: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// renewUntilKilled is the child: it walks the chain and prints each link once
// its renewal is acknowledged. When it is to die by itself it does so after a
// few, between a commit and its answer.
func renewUntilKilled(t *testing.T, how string) {
	part := strings.Split(how, "|")
	s := open(t, part[0])
	at, _ := strconv.Atoi(part[2])
	attempt, _ := strconv.Atoi(part[3])
	left := -1
	if part[4] == "true" {
		left = 1 + rand.IntN(5)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for {
		if result := renewLink(t, s, token.Handle(part[1]), at, attempt, at+1, 0); result != token.Renewed {
			t.Fatalf("link %d: %v", at+1, result)
		}
		at, attempt = at+1, 0
		if left--; left == 0 {
			_ = self.Kill()
			select {}
		}
		fmt.Println("link", at)
	}
}

// killedRenewals runs the child until it is dead, and gives the last link that
// it acknowledged.
func killedRenewals(t *testing.T, how string, at, attempt int) (int, int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestARenewalWhoseAnswerWasLostToAKillIsRepeated$")
	child.Env = append(os.Environ(), crashRenew+"="+how)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killing := strings.HasSuffix(how, "|true")
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		i, ok := strings.CutPrefix(lines.Text(), "link ")
		n, err := strconv.Atoi(i)
		if !ok || err != nil {
			continue // half a line, or the test's own words
		}
		at, attempt = n, 0
		if !killing {
			killing = true
			time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, func() { _ = child.Process.Kill() })
		}
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child was not killed")
	}
	return at, attempt
}

// onlyPair sees that of all the chain's pairs the one at is alive, and that
// nothing was taken for re-use.
func onlyPair(t *testing.T, s *store.Store, at int) {
	t.Helper()
	now := token.At(time.Now())
	for i := range at + 1 {
		for attempt := range 2 {
			p := link(i, attempt)
			found, err := s.LoadCredential(ctx, token.KindAccess, &p.Access)
			if err == token.ErrNotFound {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			stands := found.Standing(now) == token.Allowed
			if stands != (i == at && attempt == 1) {
				t.Errorf("pair %d.%d of %d stands: %v", i, attempt, at, stands)
			}
		}
	}
	if rows, _, err := s.ListAudit(ctx, token.AuditFilter{Action: "refresh_reuse"}); err != nil || len(rows) != 0 {
		t.Errorf("re-use was seen: %+v, %v", rows, err)
	}
	if err := s.CheckIntegrity(ctx); err != nil {
		t.Error(err)
	}
}
