package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"
)

// merchantCommands are `tollgate merchant …`.
type merchantCommands struct {
	Create    merchantCreate    `cmd:"" help:"Add a merchant, which owns tokens."`
	List      merchantList      `cmd:"" help:"List merchants, newest first."`
	Suspend   merchantSuspend   `cmd:"" help:"Stop all of a merchant's tokens."`
	Reinstate merchantReinstate `cmd:"" help:"Let a suspended merchant's tokens work again."`
}

type merchantView struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

type merchantCreate struct {
	remote
	output
	Name string `arg:"" help:"The merchant's name."`
}

// Run adds the merchant and prints its id.
func (c *merchantCreate) Run(io *stdio) error {
	return c.callMerchant(io, c.output, "POST", "/admin/v1/merchants", map[string]string{"name": c.Name})
}

type merchantSuspend struct {
	remote
	output
	ID string `arg:"" help:"The merchant." placeholder:"mer_…"`
}

// Run suspends the merchant.
func (c *merchantSuspend) Run(io *stdio) error {
	return c.callMerchant(io, c.output, "PATCH", "/admin/v1/merchants/"+url.PathEscape(c.ID), map[string]string{"status": "suspended"})
}

type merchantReinstate struct {
	remote
	output
	ID string `arg:"" help:"The merchant." placeholder:"mer_…"`
}

// Run reinstates the merchant.
func (c *merchantReinstate) Run(io *stdio) error {
	return c.callMerchant(io, c.output, "PATCH", "/admin/v1/merchants/"+url.PathEscape(c.ID), map[string]string{"status": "active"})
}

func (r *remote) callMerchant(io *stdio, o output, method, path string, body any) error {
	var answer []byte
	if err := r.call(method, path, body, &answer); err != nil {
		return err
	}
	if o.Output == "json" {
		return indented(io.out, answer)
	}
	var m merchantView
	if err := json.Unmarshal(answer, &m); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%s  %s  %s\n", m.ID, m.Status, printable(m.Name))
	return nil
}

type merchantList struct {
	remote
	output
	Limit int `help:"How many at the most." default:"100"`
}

// Run prints one line a merchant.
func (c *merchantList) Run(io *stdio) error {
	var answer []byte
	if err := c.call("GET", fmt.Sprintf("/admin/v1/merchants?limit=%d", c.Limit), nil, &answer); err != nil {
		return err
	}
	if c.Output == "json" {
		return indented(io.out, answer)
	}
	var page struct{ Items []merchantView }
	if err := json.Unmarshal(answer, &page); err != nil {
		return err
	}
	w := tabwriter.NewWriter(io.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATUS\tCREATED\tNAME")
	for _, m := range page.Items {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.ID, m.Status, m.CreatedAt, printable(m.Name))
	}
	return w.Flush()
}
