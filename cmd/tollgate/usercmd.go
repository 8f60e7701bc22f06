package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tollgate/admin"
	"tollgate/gateway/auth"
	"tollgate/policy/token"
	"tollgate/store"
)

type createUserCommand struct {
	Config   string `help:"Configuration file." short:"c" required:"" placeholder:"FILE"`
	Email    string `help:"Who, by email address." required:"" placeholder:"E"`
	Role     string `help:"admin, operator, auditor or merchant." enum:"admin,operator,auditor,merchant" required:""`
	Merchant string `help:"Whose dashboard user; their email and password are then taken as Basic on routes that list it." placeholder:"mer_…"`
}

// Run adds the user. The password is the first line of standard input; where
// nothing is piped in, one is made and shown once.
func (c *createUserCommand) Run(io *stdio) error {
	role, _ := token.ParseRole(c.Role)
	order := admin.UserOrder{Email: c.Email, Role: role, Merchant: c.Merchant}
	if piped(io.in) {
		password, err := firstLine(io.in)
		if err != nil {
			return err
		}
		if password != "" {
			order.Password = &password
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	st, err := openFrom(ctx, c.Config, io, store.SchemaApply)
	if err != nil {
		return err
	}
	defer st.Close()
	hasher, err := auth.NewHasher(1)
	if err != nil {
		return err
	}
	maker := admin.UserMaker{Store: st, Hasher: hasher, Rand: rand.Reader}
	user, shown, err := maker.Make(ctx, token.Act{Actor: cliActor(), Action: "user.create"}, order)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%s %s\n", user.ID, user.Email)
	if shown != "" {
		fmt.Fprintln(io.out, shown)
		fmt.Fprintln(io.err, "The password above is shown once; keep it now.")
	}
	return nil
}

// piped reports whether something other than a terminal or /dev/null stands
// where a password may come from.
func piped(from io.Reader) bool {
	file, is := from.(*os.File)
	if !is {
		return from != nil
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}

// firstLine is the first line of what is read, without its end.
func firstLine(from io.Reader) (string, error) {
	const most = 4 << 10
	line, err := bufio.NewReader(io.LimitReader(from, most)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
