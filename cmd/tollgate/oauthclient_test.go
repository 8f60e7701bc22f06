package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// shortLived is siteConfig with JWTs of a lifetime.
func shortLived(ttl string) string { return siteConfig + "tokens: {access_ttl: " + ttl + "}\n" }

// golang.org/x/oauth2/clientcredentials, which nobody here wrote, is all that a
// Go program needs: it gets a JWT through /api/token, keeps it while it lives,
// and fetches a new one by itself when it ends.
func TestGoClientRenewsByItself(t *testing.T) {
	t.Parallel()
	const lifetime = 12 // seconds; the client lets go of a token 10 s before it ends
	s := newSite(t, shortLived(fmt.Sprintf("%ds", lifetime)))
	m := s.token(composed)
	issued := func() float64 { return s.metric("tollgate_tokens_issued_total", `outcome="allowed"`) }
	before := issued()
	bearers := map[string]bool{}
	config := clientcredentials.Config{
		ClientID: m.Credentials.ClientID, ClientSecret: m.Credentials.ClientSecret,
		TokenURL: "http://" + s.gateway + "/api/token", AuthStyle: oauth2.AuthStyleInHeader,
	}
	client := config.Client(context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: remembering(bearers)}))
	asked := 0
	s.eventually("a second token", func() bool {
		asked++
		resp, err := client.Post("http://"+s.gateway+"/v1/payments", "application/json", strings.NewReader(good))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
			t.Fatalf("request %d is answered %d %s", asked, resp.StatusCode, body)
		}
		return len(bearers) == 2
	})
	if asked < 5 || issued()-before != 2 {
		t.Errorf("%v tokens for %d requests", issued()-before, asked)
	}
	if n := s.origin.seen.Load(); n != int64(asked) {
		t.Errorf("the upstream saw %d of %d requests", n, asked)
	}
}

// remembering is a transport that keeps each Bearer it carries.
type remembering map[string]bool

// RoundTrip sends a request.
func (seen remembering) RoundTrip(r *http.Request) (*http.Response, error) {
	if bearer, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); is {
		seen[bearer] = true
	}
	return http.DefaultTransport.RoundTrip(r)
}

// The same client hears why it gets no token, in the words of RFC 6749.
func TestGoClientHearsWhy(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	m := s.token(composed)
	f := func(config clientcredentials.Config, want string) {
		t.Helper()
		config.TokenURL, config.AuthStyle = "http://"+s.gateway+"/api/token", oauth2.AuthStyleInHeader
		_, err := config.Token(t.Context())
		var refused *oauth2.RetrieveError
		if !errors.As(err, &refused) || refused.ErrorCode != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f(clientcredentials.Config{ClientID: m.Credentials.ClientID, ClientSecret: m.Credentials.ClientID}, "invalid_client")
	f(clientcredentials.Config{ClientID: m.Credentials.ClientID, ClientSecret: m.Credentials.ClientSecret, Scopes: []string{"all"}}, "invalid_scope")
}

// Its refreshing source renews the family that generate began, and follows the
// rotation: each time the refresh token is another one.
func TestGoClientFollowsTheRotation(t *testing.T) {
	t.Parallel()
	s := newSite(t, shortLived("10s"))
	m := s.token(composed)
	pair := s.generate(m)
	config := oauth2.Config{ClientID: pair.ClientID, ClientSecret: pair.ClientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: "http://" + s.gateway + "/api/token", AuthStyle: oauth2.AuthStyleInHeader}}
	// Each token is as good as ended for this client as soon as it is there.
	source := config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: pair.RefreshToken})
	seen := map[string]bool{pair.RefreshToken: true}
	for range 4 {
		got, err := source.Token()
		if err != nil {
			t.Fatal(err)
		}
		if seen[got.RefreshToken] || seen[got.AccessToken] {
			t.Fatalf("seen before: %+v", got)
		}
		seen[got.RefreshToken], seen[got.AccessToken] = true, true
		s.wantStatus(pay(got.AccessToken, good), 200)
	}
}

// generated is what generate made.
type generated struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// generate presses the button on a token.
func (s *client) generate(m made) (g generated) {
	s.t.Helper()
	s.api("POST", "/admin/v1/tokens/"+m.Token.ID+"/generate", "{}", http.StatusOK, &g)
	return g
}
