package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
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
	Certs       []string                       `json:"client_cert_sha256"`
	Methods     []string                       `json:"allowed_methods"`
	Permissions []string                       `json:"permissions"`
	Composition map[string]map[string][]string `json:"composition"`
	PhoneCount  int                            `json:"phone_count"`
	Rate        string                         `json:"rate"`
	Quota       string                         `json:"quota"`
	QuotaUsed   *struct{ Day, Month int64 }    `json:"quota_used"`
	Mode        string                         `json:"mode"`
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
	for _, cert := range t.Certs {
		line("client cert", cert)
	}
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
	line("rate", t.Rate)
	line("quota", t.Quota)
	if used := t.QuotaUsed; used != nil {
		line("quota used", fmt.Sprintf("%d today, %d this month", used.Day, used.Month))
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
