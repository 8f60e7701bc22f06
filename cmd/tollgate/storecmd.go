package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tollgate/configs"
	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
)

// checkCommand is `tollgate check`.
type checkCommand struct {
	Config string `help:"Configuration file." short:"c" required:"" placeholder:"FILE"`
}

// Run prints every problem on a line of its own, on standard output: they are
// what was asked for.
func (c *checkCommand) Run(io *stdio) error {
	cfg, problems := configs.Load(c.Config, io.environ)
	for _, p := range problems {
		fmt.Fprintln(io.out, p)
	}
	if len(problems) > 0 {
		return errSaid
	}
	if _, err := planOf(cfg, cfg.Catalogue, nil); err != nil {
		fmt.Fprintf(io.out, "%s: %v\n", c.Config, err)
		return errSaid
	}
	fmt.Fprintf(io.out, "%s: good: %d routes, %d upstreams\n", c.Config, len(cfg.Routes), len(cfg.Upstreams))
	return nil
}

// migrateCommand is `tollgate migrate`.
type migrateCommand struct {
	Config string `help:"Configuration file." short:"c" required:"" placeholder:"FILE"`
	Status bool   `help:"Only say which migrations are applied."`
}

// Run brings the database to this version's schema.
func (c *migrateCommand) Run(io *stdio) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	st, err := openFrom(ctx, c.Config, io, store.SchemaAny)
	if err != nil {
		return err
	}
	defer st.Close()
	if !c.Status {
		if _, err := st.Migrate(ctx); err != nil {
			return err
		}
	}
	list, err := st.Status(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		state := "pending"
		if m.Applied {
			state = "applied"
		}
		fmt.Fprintf(io.out, "%-32s %s\n", m.Name, state)
	}
	return nil
}

// openFrom opens the store of a configuration file.
func openFrom(ctx context.Context, path string, io *stdio, schema store.Schema) (*store.Store, error) {
	cfg, err := loadConfig(path, io)
	if err != nil {
		return nil, err
	}
	return openStore(ctx, cfg, storeOptions{catalogue: func() *policy.Catalogue { return cfg.Catalogue }, schema: schema})
}

// adminCommands are `tollgate admin …`.
type adminCommands struct {
	CreateKey  createKeyCommand  `cmd:"" help:"Make an admin API key; it is printed once."`
	CreateUser createUserCommand `cmd:"" help:"Add a person: of the dashboard with --merchant, of the back office without."`
}

type createKeyCommand struct {
	Config   string `help:"Configuration file." short:"c" required:"" placeholder:"FILE"`
	Name     string `help:"What to call it in lists and in the audit log." required:""`
	Role     string `help:"admin, operator, auditor or merchant." enum:"admin,operator,auditor,merchant" required:""`
	Merchant string `help:"Whose tokens it may manage; with --role merchant only." placeholder:"mer_…"`
}

// Run makes the key and prints it, the only time it is seen. A running gateway
// on the same store accepts it within a second.
func (c *createKeyCommand) Run(io *stdio) error {
	role, _ := token.ParseRole(c.Role)
	if (role == token.RoleMerchant) != (c.Merchant != "") {
		return usagef("--merchant goes with --role merchant, and with no other role")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	st, err := openFrom(ctx, c.Config, io, store.SchemaApply)
	if err != nil {
		return err
	}
	defer st.Close()
	key, err := addAdminKey(ctx, st, token.AdminKey{Name: c.Name, Role: role, Merchant: c.Merchant})
	var fields token.FieldErrors
	if errors.As(err, &fields) && fields[0].Field == "merchant_id" {
		return fmt.Errorf("--merchant %s: %s; tollgate merchant list shows those there are", printable(c.Merchant), fields[0].Message)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(io.out, key)
	fmt.Fprintln(io.err, "This key is shown once; keep it now, for instance in TOLLGATE_ADMIN_KEY.")
	return nil
}

// addAdminKey mints an admin key, keeps what is kept of it, and returns it.
func addAdminKey(ctx context.Context, st *store.Store, k token.AdminKey) (string, error) {
	secret, credential, err := adminMinter{newMinter(nil)}.Mint(token.KindAdmin, token.EnvAny, "", 1)
	if err != nil {
		return "", err
	}
	k.Digest, k.Hint = credential.Digest, credential.Hint
	if _, err := st.AddAdminKey(ctx, token.Act{Actor: cliActor(), Action: "admin_key.create"}, k); err != nil {
		return "", err
	}
	return string(secret), nil
}

// cliActor is whoever runs the command line, for the audit log.
func cliActor() token.Actor {
	return token.Actor{Kind: "cli", ID: fmt.Sprintf("uid:%d", os.Getuid())}
}
