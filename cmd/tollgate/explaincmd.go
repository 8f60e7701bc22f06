package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// explainCommand is `tollgate explain`.
type explainCommand struct {
	remote
	output
	Token      string   `help:"The token's handle." placeholder:"tok_…"`
	Credential bool     `help:"Read the credential itself from standard input instead of naming a token."`
	Method     string   `help:"HTTP method." short:"X" default:"GET"`
	Host       string   `help:"Host header; nothing: the route's." placeholder:"HOST"`
	Path       string   `arg:"" help:"Path and query, as they would be sent." placeholder:"/v1/…"`
	Header     []string `help:"A header line; repeat." short:"H" sep:"none" placeholder:"'Name: value'"`
	Data       string   `help:"The body; @FILE reads it from a file." short:"d" placeholder:"BODY"`
	ClientIP   string   `help:"The address the request would come from." name:"client-ip" placeholder:"IP"`
	ClientCert string   `help:"The client certificate it would come with, read from a PEM file." placeholder:"FILE"`
}

// Run prints the verdict and every check that led to it. It exits 0 when the
// request would be allowed and 1 when it would not.
func (c *explainCommand) Run(stdio *stdio) error {
	body, err := c.body(stdio.in)
	if err != nil {
		return err
	}
	var answer []byte
	if err := c.call("POST", "/admin/v1/explain", body, &answer); err != nil {
		return err
	}
	var verdict struct {
		Allowed   bool
		Reason    string
		Status    int
		WouldDeny string `json:"would_deny"`
		Checks    []struct {
			Check  string
			Passed bool
			Detail string
		}
	}
	if err := json.Unmarshal(answer, &verdict); err != nil {
		return err
	}
	if c.Output == "json" {
		err = indented(stdio.out, answer)
	} else {
		for _, check := range verdict.Checks {
			mark := "pass"
			if !check.Passed {
				mark = "FAIL"
			}
			line := fmt.Sprintf("%s  %-12s  %s", mark, check.Check, printable(check.Detail))
			fmt.Fprintln(stdio.out, strings.TrimRight(line, " "))
		}
		if verdict.Allowed {
			fmt.Fprintln(stdio.out, "allowed")
		} else {
			fmt.Fprintf(stdio.out, "refused: %d %s\n", verdict.Status, verdict.Reason)
		}
		if verdict.WouldDeny != "" {
			fmt.Fprintf(stdio.out, "monitor mode: enforcement would have said %s\n", verdict.WouldDeny)
		}
	}
	if err == nil && !verdict.Allowed {
		return errSaid
	}
	return err
}

func (c *explainCommand) body(stdin io.Reader) (any, error) {
	if (c.Token == "") == !c.Credential {
		return nil, usagef("explain needs either --token tok_… or --credential with the secret on standard input")
	}
	headers := map[string][]string{}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, usagef("-H %q: write 'Name: value'", line)
		}
		headers[name] = append(headers[name], strings.TrimSpace(value))
	}
	request := map[string]any{"method": c.Method, "path": c.Path, "headers": headers}
	if c.Host != "" {
		request["host"] = c.Host
	}
	if c.ClientIP != "" {
		request["client_ip"] = c.ClientIP
	}
	if c.ClientCert != "" {
		digest, err := clientCertDigest(c.ClientCert)
		if err != nil {
			return nil, err
		}
		request["client_cert_sha256"] = digest
	}
	if file, is := strings.CutPrefix(c.Data, "@"); is {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		request["body_base64"] = raw // encoding/json writes bytes as base64
	} else if c.Data != "" {
		request["body"] = c.Data
	}
	if !c.Credential {
		return map[string]any{"token_id": c.Token, "request": request}, nil
	}
	secret, err := io.ReadAll(io.LimitReader(stdin, 8<<10))
	if err != nil {
		return nil, err
	}
	return map[string]any{"credential": strings.TrimRight(string(secret), "\r\n"), "request": request}, nil
}
