package oauth

import (
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// Whatever body reaches the exchanger names one grant that is served, and with
// a renewal a refresh token; nothing else about a body can be a grant.
func FuzzTokenBody(f *testing.F) {
	f.Add([]byte("grant_type=client_credentials&scope=a+b"), goodBasic)
	f.Add([]byte("grant_type=refresh_token&refresh_token=tgr_x&client_id=your_key"), goodBasic)
	f.Add([]byte("grant_type=client_credentials&client_id=a&client_secret=b"), "")
	f.Add([]byte("grant_type=x&grant%5ftype=y"), "Basic Og==")
	f.Fuzz(func(t *testing.T, body []byte, authorization string) {
		var req fasthttp.Request
		var resp fasthttp.Response
		req.Header.SetMethod("POST")
		req.Header.SetContentType(formType)
		req.Header.Set("Authorization", authorization)
		req.SetBody(body)
		asked := exchange(func(o *token.Order) (token.Grant, token.Reason) {
			if len(o.ClientID) == 0 || len(o.ClientSecret) == 0 || o.Refresh != nil && len(o.Refresh) == 0 {
				t.Errorf("%q with %q is the order %+v", body, authorization, o)
			}
			return token.Grant{AccessToken: "a.b.c"}, token.Allowed
		})
		var v token.Visit
		(&Token{Exchanger: asked, Clients: ClientAuth{Post: true}}).Serve(&req, &resp, &v)
		if status := resp.StatusCode(); status != 200 && status != 400 && status != 401 {
			t.Errorf("%q with %q is answered %d", body, authorization, status)
		}
	})
}
