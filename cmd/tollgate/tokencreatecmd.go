package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

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
	CertSHA256  []string `help:"SHA-256 of a client certificate it may be used with, in hexadecimal; repeat." name:"client-cert-sha256" placeholder:"HEX"`
	Cert        []string `help:"The same, read from a PEM file; repeat." name:"client-cert" placeholder:"FILE"`
	Method      []string `help:"An HTTP method it may be used with; repeat." placeholder:"GET"`
	Permission  []string `help:"A permission; repeat." placeholder:"payments:write"`
	Allow       []string `help:"Composition, country:operator:method,method; repeat." sep:"none" placeholder:"CI:ORANGE:collect,disburse"`
	Phone       []string `help:"A phone number it may be used for, country:number; repeat." placeholder:"CI:+2250707070707"`
	Rate        string   `help:"Rate limit." placeholder:"100/s burst 200"`
	Quota       string   `help:"Requests a day and a month, in UTC." placeholder:"10000/day 200000/month"`
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
	order, err := c.order()
	if err != nil {
		return nil, err
	}
	return order, nil
}

// order is the body that the flags ask for.
func (c *tokenCreate) order() (map[string]any, error) {
	composition, err := parseComposition(c.Allow)
	if err != nil {
		return nil, err
	}
	certs, err := clientCertDigests(c.Cert)
	if err != nil {
		return nil, err
	}
	phones, err := parsePhones(c.Phone)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"merchant_id": c.Merchant, "name": c.Name, "environment": c.Environment, "credentials": c.Credentials}
	for name, value := range map[string]string{"description": c.Description, "expires_in": c.ExpiresIn, "rate": c.Rate, "quota": c.Quota} {
		if value != "" {
			body[name] = value
		}
	}
	for name, list := range map[string][]string{
		"ip_whitelist": c.IP, "allowed_methods": c.Method, "permissions": c.Permission, "client_cert_sha256": append(certs, c.CertSHA256...),
	} {
		if len(list) > 0 {
			body[name] = list
		}
	}
	if composition != nil {
		body["composition"] = composition
	}
	if phones != nil {
		body["phones"] = phones
	}
	return body, nil
}

// parsePhones reads CI:+2250707070707 entries; nil for none.
func parsePhones(entries []string) (phones []map[string]string, err error) {
	for _, p := range entries {
		country, number, ok := strings.Cut(p, ":")
		if !ok {
			return nil, usagef("--phone %q: write country:number, such as CI:+2250707070707", p)
		}
		phones = append(phones, map[string]string{"country": country, "number": number})
	}
	return phones, nil
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
