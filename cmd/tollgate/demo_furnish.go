package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"tollgate/policy/token"
)

// demoMerchant is the name by which a later start finds what the first made.
const demoMerchant = "Demo merchant"

// findMerchant is the demo's merchant; "" before the first start.
func (d *demo) findMerchant(ctx context.Context) (string, error) {
	list, _, err := d.house.store.ListMerchants(ctx, token.MerchantFilter{Page: token.Page{Limit: 1000}, Query: demoMerchant})
	if err != nil {
		return "", err
	}
	for _, m := range list {
		if m.Name == demoMerchant {
			return m.ID, nil
		}
	}
	return "", nil
}

// furnish makes the demo's merchant and tokens the way a user would: through
// the admin API of the running gateway.
func (d *demo) furnish(ctx context.Context, adminURL string) (secrets, error) {
	key, err := addAdminKey(ctx, d.house.store, token.AdminKey{Name: "demo", Role: token.RoleAdmin})
	if err != nil {
		return nil, err
	}
	api := remote{Admin: adminURL, Key: key}
	made := secrets{"TG_ADMIN_KEY": key}

	var merchant merchantView
	if err := api.call(http.MethodPost, "/admin/v1/merchants", map[string]string{"name": demoMerchant}, &merchant); err != nil {
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

	for _, t := range []struct{ variable, body string }{
		{"TG_KEY_ELSEWHERE", `"name":"Another office","ip_whitelist":["192.0.2.0/24"],` + composition},
		{"TG_KEY_READER", `"name":"Reports","allowed_methods":["GET"],` + composition},
		{"TG_KEY_EXPIRED", `"name":"Last season","expires_in":"1s",` + composition},
		{"TG_KEY_REVOKED", `"name":"Lost laptop",` + composition},
	} {
		answer, err := api.demoToken(merchant.ID, `"credentials":["key"],`+t.body)
		if err != nil {
			return nil, err
		}
		made[t.variable] = answer.Credentials.Key
		if t.variable == "TG_KEY_REVOKED" {
			if err := api.call(http.MethodPost, "/admin/v1/tokens/"+answer.Token.ID+"/revoke", nil, nil); err != nil {
				return nil, err
			}
		}
	}
	// The line that promises "expired" is printed only when it is true.
	select {
	case <-ctx.Done():
	case <-time.After(1100 * time.Millisecond):
	}
	return made, ctx.Err()
}

type demoAnswer struct {
	Token       tokenView
	Credentials struct {
		Key          string
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
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
func (d *demo) sayAgain(ctx context.Context, merchant, data string, io *stdio) error {
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
	fmt.Fprintf(io.out, "# The lines below use the variables that the first start printed:\n")
	for _, v := range demoVariables {
		fmt.Fprintf(io.out, "#   %-17s %s\n", v.name, v.means)
	}
	fmt.Fprintf(io.out, `# Lost them? Make new ones:
#   go run ./cmd/tollgate admin create-key -c %s --name again --role admin
#   TOLLGATE_ADMIN_KEY=tga_… go run ./cmd/tollgate token rotate tok_… --admin %s --credential key --grace 0s
# or start afresh in another folder: go run ./cmd/tollgate demo --data DIR
`, filepath.Join(data, "demo.yaml"), adminURL)
	return nil
}
