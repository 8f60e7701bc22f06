package admin_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tollgate/admin"
	"tollgate/gateway/auth"
	"tollgate/policy/token"
)

// TestPasswordsAreKeptAsArgon2id: what is kept of a password that was given, of
// one that was made and of one that was set later matches that password and no
// other, by the very code that verifies Basic.
func TestPasswordsAreKeptAsArgon2id(t *testing.T) {
	hasher, err := auth.NewHasher(1)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(o *admin.Options) { o.Hasher = hasher })
	m := r.merchant("M")
	matches := func(email, password string, want bool) {
		t.Helper()
		_, phc, err := r.store.LoadUser(t.Context(), email)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("the hash has another form or cost: %.32s", phc)
		}
		if got, err := hasher.Matches(t.Context(), phc, []byte(password)); got != want || err != nil {
			t.Errorf("%s: matches %v, want %v: %v", email, got, want, err)
		}
	}
	const given = "correct horse: battery é"
	usr := r.want(201, "POST", "/admin/v1/users", `{"email":"a@example.com","role":"merchant","merchant_id":"`+m+`","password":"`+given+`"}`)
	matches("a@example.com", given, true)
	matches("a@example.com", given+"x", false)
	if usr.at("password") != nil {
		t.Error("a password that was given is shown")
	}
	made := r.want(201, "POST", "/admin/v1/users", `{"email":"b@example.com","role":"auditor","merchant_id":"`+m+`"}`).text("password")
	if len(made) != 26 {
		t.Errorf("a password of %d characters was made", len(made))
	}
	matches("b@example.com", made, true)
	set := r.want(200, "POST", "/admin/v1/users/"+usr.text("user", "id")+"/password", `{}`).text("password")
	matches("a@example.com", set, true)
	matches("a@example.com", given, false)
	r.want(200, "PATCH", "/admin/v1/users/"+usr.text("user", "id"), `{"email":"c@example.com"}`)
	matches("c@example.com", set, true)
}

// TestUserChangesAreToldAtOnce: when the answer to a change of a user arrives,
// the node's listeners have heard of it, so that a remembered password is
// forgotten.
func TestUserChangesAreToldAtOnce(t *testing.T) {
	r := newRig(t)
	var mu sync.Mutex
	heard := 0
	usr := r.user("a@example.com", "auditor", "")
	r.store.OnChange(func(c token.Change) {
		mu.Lock()
		defer mu.Unlock()
		if c.Entity == (token.Entity{Kind: token.EntityUser, ID: usr}) {
			heard++
		}
	})
	path := "/admin/v1/users/" + usr
	for i, write := range [][3]string{
		{"PATCH", path, `{"enabled":false}`}, {"POST", path + "/password", `{}`},
		{"PATCH", path, `{"email":"b@example.com"}`}, {"DELETE", path, ""},
	} {
		r.send(write[0], write[1], write[2])
		mu.Lock()
		if heard != i+1 {
			t.Errorf("after %v: %d changes were heard of", write, heard)
		}
		mu.Unlock()
	}
}

// TestNoUserUpdateIsLost: patches of one user at once, through two processes,
// all take effect.
func TestNoUserUpdateIsLost(t *testing.T) {
	r := newRig(t)
	m := r.merchant("M")
	path := "/admin/v1/users/" + r.user("a@example.com", "auditor", "")
	other := r.twin()
	var done sync.WaitGroup
	for i, body := range []string{`{"enabled":false}`, `{"email":"b@example.com"}`, `{"role":"operator"}`, `{"merchant_id":"` + m + `"}`} {
		by := r
		if i%2 == 0 {
			by = other
		}
		done.Go(func() {
			if p := by.send("PATCH", path, body); p.status != 200 {
				t.Errorf("%s: %d %s", body, p.status, p.body)
			}
		})
	}
	done.Wait()
	u := r.want(200, "GET", path, "")
	if u.at("enabled") != false || u.text("email") != "b@example.com" || u.text("role") != "operator" || u.text("merchant_id") != m || u.at("version") != 5.0 {
		t.Errorf("a change is lost: %s", u.body)
	}
}

// TestNoHashNoUser: when no password can be hashed the answer says so, as a 503
// that may be tried again, and nothing is changed.
func TestNoHashNoUser(t *testing.T) {
	r := newRig(t)
	usr := r.user("a@example.com", "auditor", "")
	for name, change := range map[string]func(*admin.Options){
		"the pool is full": func(o *admin.Options) { o.Hasher = &cheapHasher{errors.New("busy")} },
		"no hasher":        func(o *admin.Options) { o.Hasher = nil },
		"no randomness":    func(o *admin.Options) { o.Rand = &bounded{left: 16} },
	} {
		before := r.want(200, "GET", "/admin/v1/users", "").body
		for _, path := range []string{"/admin/v1/users", "/admin/v1/users/" + usr + "/password"} {
			body := `{}`
			if path == "/admin/v1/users" {
				body = `{"email":"b@example.com","role":"auditor"}`
			}
			p := r.twin(change).send("POST", path, body)
			if p.status != http.StatusServiceUnavailable || p.text("code") != "cannot_decide" || p.header.Get("Retry-After") == "" {
				t.Errorf("%s: POST %s: %d %s", name, path, p.status, p.body)
			}
		}
		if after := r.want(200, "GET", "/admin/v1/users", "").body; after != before {
			t.Errorf("%s: something changed:\n%s\n%s", name, before, after)
		}
	}
}

// bounded is randomness that ends: enough for a request's id and no more.
type bounded struct {
	mu   sync.Mutex
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p) > b.left {
		return 0, errors.New("no randomness")
	}
	b.left -= len(p)
	return rand.Read(p)
}

// TestEmailsAreOnePlainAddress: what Basic could not carry, what two readers
// would take for different addresses, and what is more than an address is
// refused; the rest is kept in lower case.
func TestEmailsAreOnePlainAddress(t *testing.T) {
	r := newRig(t)
	for _, email := range []string{
		"", "a", "@", "a@", "@b", "a@b@c", "a b@example.com", "a@exa mple.com", "a:b@example.com", "Ama <a@example.com>", "<a@example.com>",
		"a@example.com ", " a@example.com", `\"a b\"@example.com`, `\"a\"@example.com`, "a@example.com,b@example.com", "é@example.com", "a@exämple.com",
		"a\\u0000@example.com", "a\\n@example.com", "a@example.com (x)", strings.Repeat("a", 250) + "@example.com",
	} {
		p := r.send("POST", "/admin/v1/users", `{"email":"`+email+`","role":"auditor"}`)
		if p.status != 422 || !strings.Contains(p.body, `"field":"email"`) {
			t.Errorf("%q: %d %s", email, p.status, p.body)
		}
	}
	for i, email := range []string{"a@example.com", "A.B+c@Example.COM", "o'neil@example.co.uk", "1@x"} {
		p := r.want(201, "POST", "/admin/v1/users", `{"email":"`+email+`","role":"auditor"}`)
		if got := p.text("user", "email"); got != strings.ToLower(email) {
			t.Errorf("%d: %s is kept as %s", i, email, got)
		}
	}
}

// TestUserMaker: the command line's way to a user follows the same rules.
func TestUserMaker(t *testing.T) {
	r := newRig(t)
	maker := &admin.UserMaker{Store: r.store, Hasher: &cheapHasher{}, Rand: rand.Reader}
	act := token.Act{Actor: token.Actor{Kind: "cli", ID: "root"}, Action: "user.create"}
	u, shown, err := maker.Make(t.Context(), act, admin.UserOrder{Email: "Ama@example.com", Role: token.RoleAdmin})
	if err != nil || u.Email != "ama@example.com" || len(shown) != 26 || u.ID == "" {
		t.Errorf("%v %q: %v", u, shown, err)
	}
	if _, _, err := maker.Make(t.Context(), act, admin.UserOrder{Email: "ama@example.com", Role: token.RoleAdmin}); !errors.Is(err, token.ErrExists) {
		t.Errorf("the same address again: %v", err)
	}
	short := "short"
	var bad token.FieldErrors
	if _, _, err := maker.Make(t.Context(), act, admin.UserOrder{Email: "x", Role: token.RoleMerchant, Password: &short}); !errors.As(err, &bad) || len(bad) != 3 {
		t.Errorf("three fields are wrong: %v", err)
	}
	long := strings.Repeat("x", 257)
	if _, _, err := maker.Make(t.Context(), act, admin.UserOrder{Email: "b@example.com", Role: token.RoleAdmin, Password: &long}); !errors.As(err, &bad) {
		t.Errorf("a password of 257 bytes: %v", err)
	}
	rows := r.want(200, "GET", "/admin/v1/audit?target_kind=user", "")
	if got := fmt.Sprint(rows.at("items").([]any)[0].(map[string]any)["actor"]); got != "map[id:root kind:cli]" {
		t.Errorf("the actor is %s", got)
	}
}
