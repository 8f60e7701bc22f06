package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tollgate/policy/token"
)

// demoMerchant is the name by which a later start finds what the first made. It
// is given last: a start that was killed on the way leaves the other name.
const (
	demoMerchant   = "Demo merchant"
	halfMade       = "Demo merchant, half made"
	halfMadeAndEnd = "Demo merchant, half made and given up"
)

// findMerchant is the demo's merchant; "" before the first start.
func (d *demo) findMerchant(ctx context.Context) (string, error) {
	list, err := d.merchantsNamed(ctx, demoMerchant)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

func (d *demo) merchantsNamed(ctx context.Context, name string) (ids []string, err error) {
	list, _, err := d.house.store.ListMerchants(ctx, token.MerchantFilter{Page: token.Page{Limit: 1000}, Query: name})
	for _, m := range list {
		if m.Name == name {
			ids = append(ids, m.ID)
		}
	}
	return ids, err
}

// giveUp revokes what a start that was killed has made: its credentials were
// never shown, and its phone numbers are needed again.
func (d *demo) giveUp(ctx context.Context, api *remote) error {
	merchants, err := d.merchantsNamed(ctx, halfMade)
	if err != nil {
		return err
	}
	for _, m := range merchants {
		list, _, err := d.house.store.ListTokens(ctx, token.Filter{Page: token.Page{Limit: 1000}, Merchant: m})
		if err != nil {
			return err
		}
		for i := range list {
			if err := api.call(http.MethodPost, "/admin/v1/tokens/"+string(list[i].Handle)+"/revoke", nil, nil); err != nil {
				return err
			}
		}
		if err := api.call(http.MethodPatch, "/admin/v1/merchants/"+m, map[string]string{"name": halfMadeAndEnd, "status": "suspended"}, nil); err != nil {
			return err
		}
	}
	return nil
}

// furnish makes the demo's merchant and tokens the way a user would: through
// the admin API of the running gateway.
func (d *demo) furnish(ctx context.Context) (secrets, error) {
	key, err := addAdminKey(ctx, d.house.store, token.AdminKey{Name: "demo", Role: token.RoleAdmin})
	if err != nil {
		return nil, err
	}
	api := remote{Admin: d.adminURL(), Key: key}
	made := secrets{"TG_ADMIN_KEY": key}

	if err := d.giveUp(ctx, &api); err != nil {
		return nil, err
	}
	var merchant merchantView
	if err := api.call(http.MethodPost, "/admin/v1/merchants", map[string]string{"name": halfMade}, &merchant); err != nil {
		return nil, err
	}
	composition := `"composition":{"CI":{"ORANGE":["collect"],"MTN":["collect","disburse"]},"ML":{"ORANGE":["collect"]}}`
	checkout, err := api.demoToken(merchant.ID, `"name":"Checkout CI","description":"Orange and MTN in Côte d'Ivoire, Orange in Mali","credentials":["key","client"],`+
		`"phones":[{"country":"CI","number":"+2250707070707"},{"country":"CI","number":"+2250505050505"}],`+composition)
	if err != nil {
		return nil, err
	}
	made["TG_KEY"], made["TG_CLIENT_ID"], made["TG_CLIENT_SECRET"] = checkout.Credentials.Key, checkout.Credentials.ClientID, checkout.Credentials.ClientSecret
	if err := api.call(http.MethodPatch, "/admin/v1/tokens/"+checkout.Token.ID+"/phones/+2250505050505", json.RawMessage(`{"enabled":false}`), nil); err != nil {
		return nil, err
	}

	if err := api.furnishRefused(merchant.ID, composition, made); err != nil {
		return nil, err
	}
	if err := api.furnishDialects(merchant.ID, composition, made); err != nil {
		return nil, err
	}
	if err := api.call(http.MethodPatch, "/admin/v1/merchants/"+merchant.ID, map[string]string{"name": demoMerchant}, nil); err != nil {
		return nil, err
	}
	// The line that promises "expired" is printed only when it is true.
	select {
	case <-ctx.Done():
	case <-time.After(1100 * time.Millisecond):
	}
	return made, ctx.Err()
}

// furnishRefused makes the tokens that are there to be refused.
func (r *remote) furnishRefused(merchant, composition string, made secrets) error {
	for _, t := range []struct{ variable, body string }{
		{"TG_KEY_ELSEWHERE", `"name":"Another office","ip_whitelist":["192.0.2.0/24"],` + composition},
		{"TG_KEY_READER", `"name":"Reports","allowed_methods":["GET"],` + composition},
		{"TG_KEY_EXPIRED", `"name":"Last season","expires_in":"1s",` + composition},
		{"TG_KEY_REVOKED", `"name":"Lost laptop",` + composition},
	} {
		answer, err := r.demoToken(merchant, `"credentials":["key"],`+t.body)
		if err != nil {
			return err
		}
		made[t.variable] = answer.Credentials.Key
		if t.variable == "TG_KEY_REVOKED" {
			if err := r.call(http.MethodPost, "/admin/v1/tokens/"+answer.Token.ID+"/revoke", nil, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

type demoAnswer struct {
	Token       tokenView
	Credentials struct {
		Key          string
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		Signing      string `json:"signing_secret"`
	}
}

func (r *remote) demoToken(merchant, members string) (demoAnswer, error) {
	var answer demoAnswer
	body := fmt.Sprintf(`{"merchant_id":%q,"environment":"live",%s}`, merchant, members)
	if err := r.call(http.MethodPost, "/admin/v1/tokens", []byte(body), &answer); err != nil {
		return answer, fmt.Errorf("demo token: %w", err)
	}
	return answer, nil
}

// sayAgain lists what an earlier start made, and how to make what it showed.
func (d *demo) sayAgain(ctx context.Context, merchant string, c *demoCommand, io *stdio) error {
	adminURL := d.adminURL()
	list, _, err := d.house.store.ListTokens(ctx, token.Filter{Page: token.Page{Limit: 1000}, Merchant: merchant, Status: token.StatusAll})
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "# Everything of the last start is here. Its credentials were shown once and are kept as digests only.\n# merchant %s\n", merchant)
	now := token.At(time.Now())
	for i := range list {
		fmt.Fprintf(io.out, "# token    %s  %-8s %s\n", list[i].Handle, list[i].StatusAt(now), printable(list[i].Name))
	}
	fmt.Fprintf(io.out, "# The lines below use the variables that the first start made:\n")
	for _, v := range demoVariables {
		fmt.Fprintf(io.out, "#   %-22s %s\n", v.name, v.means)
	}
	if c.Credentials != "" {
		if _, err := os.Stat(c.Credentials); err != nil {
			fmt.Fprintf(io.out, "# %s is not there; a file of credentials is written by the first start only.\n", c.Credentials)
		} else {
			fmt.Fprintf(io.out, "# Read them into your shell first:\n. %s\n", shellPath(c.Credentials))
		}
	}
	fmt.Fprintf(io.out, `# Lost them? Make new ones:
#   %[1]s admin create-key -c %[2]s --name again --role admin
#   TOLLGATE_ADMIN_KEY=tga_… %[1]s token rotate tok_… --admin %[3]s --credential key --grace 0s
# or start afresh in another folder: %[1]s demo --data DIR
`, self(), filepath.Join(c.Data, "demo.yaml"), adminURL)
	return nil
}

// self is how this program is called again: as go run does when it was.
func self() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ./cmd/tollgate"
	}
	return "tollgate"
}
