package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/crypto/argon2"

	"tollgate/admin"
	"tollgate/admin/webhook"
	"tollgate/gateway/issue"
	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
	"tollgate/store/sqlite"
)

// bootstrap is the test's bootstrap key.
const bootstrap = "a-bootstrap-key-of-at-least-thirty-two-bytes"

// rig is a whole admin listener: real HTTP over a real database.
type rig struct {
	t     *testing.T
	url   string
	opt   admin.Options
	store *store.Store
	logs  *observer.ObservedLogs
	now   atomic.Int64 // microseconds
	shut  sync.Once

	explained []admin.Inquiry
	explain   admin.Explanation
	explainAs error
}

func (r *rig) clock() time.Time { return time.UnixMicro(r.now.Load()).UTC() }

// closeStore takes the database away, once.
func (r *rig) closeStore() {
	r.shut.Do(func() {
		if err := r.store.Close(); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) pass(d time.Duration) { r.now.Add(d.Microseconds()) }

// newRig starts an admin listener; change may alter its options.
func newRig(t *testing.T, change ...func(*admin.Options)) *rig {
	t.Helper()
	r := &rig{t: t, explain: admin.Explanation{Status: 200}}
	r.now.Store(time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC).UnixMicro())
	catalogue := testCatalogue(t)
	var err error
	r.store, err = sqlite.Open(t.Context(), store.Options{
		Path:      filepath.Join(t.TempDir(), "tollgate.db"),
		Catalogue: func() *policy.Catalogue { return catalogue },
		Now:       r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.closeStore)
	core, logs := observer.New(zap.DebugLevel)
	r.logs = logs
	o := admin.Options{
		Store: r.store, Minter: newMinter(t, r.clock), Explainer: r.explainer,
		Catalogue:       func() *policy.Catalogue { return catalogue },
		BootstrapDigest: token.DigestOf([]byte(bootstrap)),
		Hasher:          &cheapHasher{}, WebhookKey: bytes.Repeat([]byte{9}, webhook.KeyLength),
		Listen: "127.0.0.1:9090",
		Logger: zap.New(core), Now: r.clock,
	}
	r.opt = o
	r.open(change...)
	return r
}

// open starts a listener, with changed options.
func (r *rig) open(change ...func(*admin.Options)) {
	r.t.Helper()
	for _, f := range change {
		f(&r.opt)
	}
	h, err := admin.New(r.opt)
	if err != nil {
		r.t.Fatal(err)
	}
	server := httptest.NewServer(h)
	r.t.Cleanup(server.Close)
	r.url = server.URL
}

// twin is a second listener over the same store, as another process has it.
func (r *rig) twin(change ...func(*admin.Options)) *rig {
	r.t.Helper()
	other := &rig{t: r.t, opt: r.opt, store: r.store, logs: r.logs}
	other.open(change...)
	return other
}

// explainer stands where the gateway's own stands; it answers what the test set.
func (r *rig) explainer(_ context.Context, q admin.Inquiry) (admin.Explanation, error) {
	q.Body = bytes.Clone(q.Body)
	r.explained = append(r.explained, q)
	return r.explain, r.explainAs
}

// minter adapts gateway/issue as cmd does.
type minter struct{ issue.Minter }

func newMinter(t *testing.T, now func() time.Time) *minter {
	t.Helper()
	master, err := issue.ParseMasterKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &minter{issue.Minter{Rand: rand.Reader, Now: now, Master: master}}
}

func (m *minter) Mint(k token.Kind, e token.Environment, h token.Handle, generation int) ([]byte, token.Credential, error) {
	return m.Minter.Mint(issue.Wanted{Kind: k, Environment: e, Handle: h, Generation: generation})
}

// cheapHasher is argon2id at the least cost there is, for the many users that
// tests make. With fault set it hashes nothing.
type cheapHasher struct{ fault error }

func (h *cheapHasher) Hash(_ context.Context, password string) (string, error) {
	if h.fault != nil {
		return "", h.fault
	}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key, text := argon2.IDKey([]byte(password), salt, 1, 8, 1, 32), base64.RawStdEncoding
	return "$argon2id$v=19$m=8,t=1,p=1$" + text.EncodeToString(salt) + "$" + text.EncodeToString(key), nil
}

// testCatalogue knows two countries, and more operators of the first if asked.
func testCatalogue(t *testing.T, more ...policy.Operator) *policy.Catalogue {
	t.Helper()
	c, err := policy.NewCatalogue([]policy.Country{
		{
			Alpha2: "CI", Alpha3: "CIV", Name: "Côte d'Ivoire", Dial: "225", Currency: "XOF", Lengths: []int{10},
			Operators: append([]policy.Operator{
				{ID: "ORANGE", Name: "Orange Money", Aliases: []string{"OM", "ORANGE_MONEY_CI"}},
				{ID: "MTN", Name: "MTN MoMo", Aliases: []string{"MTN_MOMO_CIV"}},
			}, more...),
		},
		{
			Alpha2: "ML", Alpha3: "MLI", Name: "Mali", Dial: "223", Currency: "XOF", Lengths: []int{8},
			Operators: []policy.Operator{{ID: "ORANGE", Name: "Orange Money", Aliases: []string{"ORANGE_MONEY_ML"}}},
		},
	}, []string{"collect", "disburse", "cashout", "card", "refund"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   string
	value  map[string]any // the body, where it is a JSON object
}

// at is the value under a path of members, nil when there is none.
func (p reply) at(path ...string) any {
	var v any = p.value
	for _, name := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// text is at, for strings.
func (p reply) text(path ...string) string {
	s, _ := p.at(path...).(string)
	return s
}

// send makes one request with the bootstrap key unless headers say otherwise.
func (r *rig) send(method, path, body string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bootstrap)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	return r.do(req)
}

func (r *rig) do(req *http.Request) reply {
	r.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	p := reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
	_ = json.Unmarshal(text, &p.value) // not every body is an object
	return p
}

// want is send for an answer whose status the test rests on.
func (r *rig) want(status int, method, path, body string, headers ...string) reply {
	r.t.Helper()
	p := r.send(method, path, body, headers...)
	if p.status != status {
		r.t.Fatalf("%s %s %s: status %d, want %d\n%s", method, path, body, p.status, status, p.body)
	}
	return p
}

// merchant adds a merchant and gives its id.
func (r *rig) merchant(name string) string {
	r.t.Helper()
	return r.want(201, "POST", "/admin/v1/merchants", `{"name":"`+name+`"}`).text("id")
}

// token makes a token of a merchant with more members and gives its id.
func (r *rig) token(merchant, more string) string {
	r.t.Helper()
	return r.want(201, "POST", "/admin/v1/tokens", `{"merchant_id":"`+merchant+`","name":"T","environment":"live"`+more+`}`).text("token", "id")
}

// key makes an admin key and gives the header that carries it.
func (r *rig) key(role, merchant string) string {
	r.t.Helper()
	body := `{"name":"` + role + `","role":"` + role + `"}`
	if merchant != "" {
		body = `{"name":"` + role + `","role":"` + role + `","merchant_id":"` + merchant + `"}`
	}
	return "Bearer " + r.want(201, "POST", "/admin/v1/keys", body).text("key")
}

// user makes a user and gives its id.
func (r *rig) user(email, role, merchant string) string {
	r.t.Helper()
	body := `{"email":"` + email + `","role":"` + role + `"}`
	if merchant != "" {
		body = `{"email":"` + email + `","role":"` + role + `","merchant_id":"` + merchant + `"}`
	}
	return r.want(201, "POST", "/admin/v1/users", body).text("user", "id")
}
