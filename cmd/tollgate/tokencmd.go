package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// tokenCommands are `tollgate token …`.
type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Make a token; its credentials are printed once."`
	List   tokenList   `cmd:"" help:"List tokens, newest first."`
	Show   tokenShow   `cmd:"" help:"Show one token."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token, for good."`
	Rotate tokenRotate `cmd:"" help:"Make a new secret; the old one lives on for the grace."`
}

// tokenView is the part of the API's token that the text output shows.
type tokenView struct {
	ID          string                         `json:"id"`
	Merchant    string                         `json:"merchant_id"`
	Name        string                         `json:"name"`
	Environment string                         `json:"environment"`
	Status      string                         `json:"status"`
	CreatedAt   string                         `json:"created_at"`
	ExpiresAt   string                         `json:"expires_at"`
	LastUsedAt  string                         `json:"last_used_at"`
	KeyHint     string                         `json:"key_hint"`
	ClientID    string                         `json:"client_id"`
	IPs         []string                       `json:"ip_whitelist"`
	Methods     []string                       `json:"allowed_methods"`
	Permissions []string                       `json:"permissions"`
	Composition map[string]map[string][]string `json:"composition"`
	PhoneCount  int                            `json:"phone_count"`
	Mode        string                         `json:"mode"`
}

type tokenCreate struct {
	remote
	output
	From        string   `help:"A JSON body as POST /admin/v1/tokens takes it; - for standard input. The flags below are then not used." placeholder:"FILE"`
	Merchant    string   `help:"Whose token." placeholder:"mer_…"`
	Name        string   `help:"A name to find it by."`
	Description string   `help:"What it is for."`
	Environment string   `help:"live or test." enum:"live,test" default:"live"`
	ExpiresIn   string   `help:"How long it lives; nothing: for ever." placeholder:"720h"`
	Credentials []string `help:"Which secrets to make: key, client, signing." default:"key"`
	IP          []string `help:"An address or CIDR it may be used from; repeat." name:"ip" placeholder:"CIDR"`
	Method      []string `help:"An HTTP method it may be used with; repeat." placeholder:"GET"`
	Permission  []string `help:"A permission; repeat." placeholder:"payments:write"`
	Allow       []string `help:"Composition, country:operator:method,method; repeat." sep:"none" placeholder:"CI:ORANGE:collect,disburse"`
	Phone       []string `help:"A phone number it may be used for, country:number; repeat." placeholder:"CI:+2250707070707"`
	Rate        string   `help:"Rate limit." placeholder:"100/s burst 200"`
}

// Run makes the token and prints its credentials, the only time they are seen.
func (c *tokenCreate) Run(io *stdio) error {
	body, err := c.body(io.in)
	if err != nil {
		return err
	}
	var answer []byte
	if err := c.call("POST", "/admin/v1/tokens", body, &answer); err != nil {
		return err
	}
	if c.Output == "json" {
		return indented(io.out, answer)
	}
	var made struct {
		Token       tokenView
		Credentials map[string]string
		Warnings    []struct{ Field, Message string }
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return err
	}
	printToken(io.out, &made.Token)
	for _, name := range []string{"key", "client_id", "client_secret", "signing_secret"} {
		if secret := made.Credentials[name]; secret != "" {
			fmt.Fprintf(io.out, "%-15s %s\n", name, secret)
		}
	}
	for _, w := range made.Warnings {
		fmt.Fprintf(io.err, "warning: %s: %s\n", w.Field, w.Message)
	}
	fmt.Fprintln(io.err, "The secrets above are shown this once; keep them now.")
	return nil
}

func (c *tokenCreate) body(stdin io.Reader) (any, error) {
	switch c.From {
	case "":
	case "-":
		return io.ReadAll(io.LimitReader(stdin, 1<<20))
	default:
		return os.ReadFile(c.From)
	}
	if c.Merchant == "" || c.Name == "" {
		return nil, usagef("token create needs --merchant and --name, or --from FILE")
	}
	composition, err := parseComposition(c.Allow)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"merchant_id": c.Merchant, "name": c.Name, "environment": c.Environment, "credentials": c.Credentials}
	for name, value := range map[string]string{"description": c.Description, "expires_in": c.ExpiresIn, "rate": c.Rate} {
		if value != "" {
			body[name] = value
		}
	}
	for name, list := range map[string][]string{"ip_whitelist": c.IP, "allowed_methods": c.Method, "permissions": c.Permission} {
		if len(list) > 0 {
			body[name] = list
		}
	}
	if composition != nil {
		body["composition"] = composition
	}
	var phones []map[string]string
	for _, p := range c.Phone {
		country, number, ok := strings.Cut(p, ":")
		if !ok {
			return nil, usagef("--phone %q: write country:number, such as CI:+2250707070707", p)
		}
		phones = append(phones, map[string]string{"country": country, "number": number})
	}
	if phones != nil {
		body["phones"] = phones
	}
	return body, nil
}

// parseComposition reads CI:ORANGE:collect,disburse entries; nil for none.
func parseComposition(entries []string) (map[string]map[string][]string, error) {
	var c map[string]map[string][]string
	for _, entry := range entries {
		part := strings.Split(entry, ":")
		if len(part) != 3 || part[0] == "" || part[1] == "" || part[2] == "" {
			return nil, usagef("--allow %q: write country:operator:methods, such as CI:ORANGE:collect,disburse", entry)
		}
		if c == nil {
			c = map[string]map[string][]string{}
		}
		if c[part[0]] == nil {
			c[part[0]] = map[string][]string{}
		}
		c[part[0]][part[1]] = append(c[part[0]][part[1]], strings.Split(part[2], ",")...)
	}
	return c, nil
}

type tokenList struct {
	remote
	output
	Merchant string `help:"Only this merchant's." placeholder:"mer_…"`
	Status   string `help:"ACTIVE, EXPIRED, DISABLED, REVOKED or ALL; nothing: all but revoked." placeholder:"STATUS"`
	Query    string `help:"Only those whose name, description or id has this." name:"q" placeholder:"TEXT"`
	Limit    int    `help:"How many at the most." default:"100"`
}

// Run prints one line a token.
func (c *tokenList) Run(io *stdio) error {
	query := url.Values{}
	for name, value := range map[string]string{"merchant_id": c.Merchant, "status": c.Status, "q": c.Query, "limit": fmt.Sprint(c.Limit)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var answer []byte
	if err := c.call("GET", "/admin/v1/tokens?"+query.Encode(), nil, &answer); err != nil {
		return err
	}
	if c.Output == "json" {
		return indented(io.out, answer)
	}
	var page struct {
		Items []tokenView
		Next  string `json:"next_cursor"`
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return err
	}
	w := tabwriter.NewWriter(io.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tMERCHANT\tSTATUS\tENV\tEXPIRES\tLAST USED\tNAME")
	for _, t := range page.Items {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Merchant, t.Status, t.Environment, orDash(t.ExpiresAt), orDash(t.LastUsedAt), printable(t.Name))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintf(io.err, "There are more; --limit takes up to 1000.\n")
	}
	return nil
}

type tokenShow struct {
	remote
	output
	ID string `arg:"" help:"The token's handle." placeholder:"tok_…"`
}

// Run prints the token.
func (c *tokenShow) Run(io *stdio) error {
	return c.callToken(io, c.output, "GET", "/admin/v1/tokens/"+url.PathEscape(c.ID))
}

type tokenRevoke struct {
	remote
	output
	ID string `arg:"" help:"The token's handle." placeholder:"tok_…"`
}

// Run revokes the token and prints it as it is then.
func (c *tokenRevoke) Run(io *stdio) error {
	return c.callToken(io, c.output, "POST", "/admin/v1/tokens/"+url.PathEscape(c.ID)+"/revoke")
}

// callToken makes a call that answers with one token, bare or as "token".
func (r *remote) callToken(io *stdio, o output, method, path string) error {
	var answer []byte
	if err := r.call(method, path, nil, &answer); err != nil {
		return err
	}
	if o.Output == "json" {
		return indented(io.out, answer)
	}
	var wrapped struct{ Token *tokenView }
	if err := json.Unmarshal(answer, &wrapped); err != nil {
		return err
	}
	if wrapped.Token == nil {
		wrapped.Token = new(tokenView)
		if err := json.Unmarshal(answer, wrapped.Token); err != nil {
			return err
		}
	}
	printToken(io.out, wrapped.Token)
	return nil
}

type tokenRotate struct {
	remote
	output
	ID         string `arg:"" help:"The token's handle." placeholder:"tok_…"`
	Credential string `help:"key, client_secret or signing_secret." enum:"key,client_secret,signing_secret" default:"key"`
	Grace      string `help:"How long the old secret lives on: 0s to 168h." default:"24h"`
}

// Run makes a new secret and prints it, the only time it is seen.
func (c *tokenRotate) Run(io *stdio) error {
	var answer []byte
	body := map[string]string{"credential": c.Credential, "grace": c.Grace}
	if err := c.call("POST", "/admin/v1/tokens/"+url.PathEscape(c.ID)+"/rotate", body, &answer); err != nil {
		return err
	}
	if c.Output == "json" {
		return indented(io.out, answer)
	}
	var made map[string]any
	if err := json.Unmarshal(answer, &made); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%-15s %v\n%-15s %v\n%-15s %v\n", c.Credential, made[c.Credential], "generation", made["generation"], "previous ends", orDash(fmt.Sprint(made["previous_ends_at"])))
	fmt.Fprintln(io.err, "The secret above is shown this once; keep it now.")
	return nil
}

func printToken(w io.Writer, t *tokenView) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-15s %s\n", name, value)
		}
	}
	line("token", t.ID)
	line("name", printable(t.Name))
	line("merchant", t.Merchant)
	line("status", t.Status)
	line("environment", t.Environment)
	line("mode", t.Mode)
	line("created", t.CreatedAt)
	line("expires", orDash(t.ExpiresAt))
	line("last used", orDash(t.LastUsedAt))
	line("ip", strings.Join(t.IPs, " "))
	line("methods", strings.Join(t.Methods, " "))
	line("permissions", strings.Join(t.Permissions, " "))
	for _, country := range sorted(t.Composition) {
		for _, operator := range sorted(t.Composition[country]) {
			line("composition", country+" "+operator+" "+strings.Join(t.Composition[country][operator], ","))
		}
	}
	if t.PhoneCount > 0 {
		line("phones", fmt.Sprint(t.PhoneCount))
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func orDash(s string) string {
	if s == "" || s == "<nil>" {
		return "-"
	}
	return s
}

// printable replaces control characters, so that a token's name cannot speak to
// the terminal of whoever lists it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}
