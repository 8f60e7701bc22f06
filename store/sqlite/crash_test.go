package sqlite_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

// crashPath names the database to the child process of TestNothing…
const crashPath = "TOLLGATE_CRASH_DATABASE"

// Whatever moment the process is killed at, what it acknowledged is there when
// the database is opened again, whole, and what it did not acknowledge is whole
// or not there at all.
func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	if path := os.Getenv(crashPath); path != "" {
		createUntilKilled(t, path)
	}
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(t.TempDir(), "tollgate.db")
	acknowledged := map[token.Handle]bool{}
	for round := range rounds {
		for _, h := range killedChild(t, path) {
			acknowledged[h] = true
		}
		s := open(t, path)
		inspect(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("after round %d, %d acknowledged", round, len(acknowledged))
		}
	}
	t.Logf("%d acknowledged in %d rounds", len(acknowledged), rounds)
}

// killedChild runs this test as a child, kills it at a random moment after its
// first acknowledgement, and lists what it acknowledged.
func killedChild(t *testing.T, path string) (list []token.Handle) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestNothingAcknowledgedIsLostByKill$")
	child.Env = append(os.Environ(), crashPath+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	moment := make(chan struct{})
	go func() {
		<-moment
		time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { _ = child.Process.Kill() })
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		h, ok := token.ParseHandle(lines.Text())
		if !ok {
			continue // half a line, or the test's own words
		}
		if list = append(list, h); len(list) == 1 {
			close(moment)
		}
	}
	if err := child.Wait(); err == nil || len(list) == 0 {
		t.Fatalf("the child was not killed while it created: %v, %d acknowledged", err, len(list))
	}
	return list
}

// createUntilKilled is the child: it prints a handle once its creation is
// acknowledged.
func createUntilKilled(t *testing.T, path string) {
	s := open(t, path)
	m, err := s.AddMerchant(ctx, cli, token.Merchant{Name: "Shop", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		added, err := s.AddToken(ctx, cli, whole(m.ID), []token.Number{randomNumber("CI", "+225"), randomNumber("ML", "+223")})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(added.Handle)
	}
}

// whole is a token with two credentials, of a handle nobody else has.
func whole(merchant string) token.Token {
	h := token.Handle(fmt.Sprintf("tok_%012d", rand.Int64N(1e12)))
	return token.Token{
		Handle: h, Merchant: merchant, Name: "Checkout", Environment: token.EnvLive, Enabled: true,
		Bounds: token.Bounds{Composition: token.Composition{"CI": {"ORANGE": {"collect"}}, "ML": {"ORANGE": {"collect"}}}},
		Credentials: []token.Credential{
			{Kind: token.KindKey, Digest: token.DigestOf([]byte("key" + h))},
			{Kind: token.KindClient, Digest: token.DigestOf([]byte("client" + h))},
		},
	}
}

func randomNumber(country, dial string) token.Number {
	return token.Number{Country: country, E164: fmt.Sprintf("%s%010d", dial, rand.Int64N(1e10)), Enabled: true}
}

// inspect sees that what was acknowledged is there, and that everything there
// is whole.
func inspect(t *testing.T, s *store.Store, acknowledged map[token.Handle]bool) {
	t.Helper()
	if err := s.CheckIntegrity(ctx); err != nil {
		t.Error(err)
	}
	missing := len(acknowledged)
	tokens := 0
	for cursor, first := "", true; first || cursor != ""; first = false {
		list, next, err := s.ListTokens(ctx, token.Filter{Page: token.Page{Limit: 1000, Cursor: cursor}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			if acknowledged[list[i].Handle] {
				missing--
			}
			if len(list[i].Credentials) != 2 || list[i].Numbers != 2 || !list[i].Bounds.Restricts.Phones {
				t.Errorf("%s is not whole: %+v", list[i].Handle, list[i])
			}
		}
		tokens, cursor = tokens+len(list), next
	}
	if missing != 0 {
		t.Errorf("%d acknowledged tokens are missing", missing)
	}
	merchants, _, err := s.ListMerchants(ctx, token.MerchantFilter{Page: token.Page{Limit: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	head, errHead := s.Head(ctx)
	audited, errAudit := s.VerifyAudit(ctx)
	if errHead != nil || errAudit != nil || int(head) != tokens+len(merchants) || audited != head {
		t.Errorf("%d tokens and %d merchants make %d changes (%v) and %d audit rows (%v)",
			tokens, len(merchants), head, errHead, audited, errAudit)
	}
}
