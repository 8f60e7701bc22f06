package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"

	"tollgate/configs"
)

// demoCommand is `tollgate demo`.
type demoCommand struct {
	Data        string `help:"Where the demo keeps its database; made when it is not there." default:"./tollgate-data" placeholder:"DIR"`
	Listen      string `help:"Address of the gateway." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Admin       string `help:"Address of the admin side." default:"127.0.0.1:9090" placeholder:"HOST:PORT"`
	Credentials string `help:"Write the credentials of the first start to a new file that a shell can read (mode 0600), instead of printing them." placeholder:"FILE"`
}

//go:embed demo.yaml
var demoConfig string

// Run serves the demo until SIGINT or SIGTERM.
func (c *demoCommand) Run(io *stdio) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	d, err := c.start(ctx, io)
	if err != nil {
		return err
	}
	if err := d.say(ctx, c, io); err != nil {
		return errors.Join(err, d.stop())
	}
	select {
	case <-signals:
	case err = <-d.running.failed:
	}
	signal.Stop(signals)
	return errors.Join(err, d.stop())
}

// demo is the running demo.
type demo struct {
	upstream *sampleUpstream
	house    *house
	running  *running
}

func (c *demoCommand) start(ctx context.Context, io *stdio) (*demo, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	d := &demo{}
	var err error
	if d.upstream, err = startSampleUpstream(); err != nil {
		return nil, err
	}
	cfg, err := c.configure(d.upstream.address(), io)
	if err != nil {
		return nil, errors.Join(err, d.upstream.Close())
	}
	with, err := newSetup(io.err, cfg.Log.Level)
	if err == nil {
		d.house, err = openHouse(ctx, cfg, with)
	}
	if err != nil {
		return nil, errors.Join(err, d.upstream.Close())
	}
	if d.running, err = d.house.serve(ctx); err != nil {
		return nil, errors.Join(err, d.house.close(), d.upstream.Close())
	}
	return d, nil
}

// configure writes the demo's configuration and loads it as serve would.
func (c *demoCommand) configure(upstream string, io *stdio) (*configs.Config, error) {
	var text bytes.Buffer
	t := template.Must(template.New("demo.yaml").Parse(demoConfig))
	if err := t.Execute(&text, map[string]string{"Listen": c.Listen, "Admin": c.Admin, "Upstream": upstream}); err != nil {
		return nil, err
	}
	path := filepath.Join(c.Data, "demo.yaml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	return loadConfig(path, io)
}

func (d *demo) adminURL() string { return "http://" + d.running.admin.Addr().String() }

func (d *demo) stop() error {
	return errors.Join(d.running.drain(), d.house.close(), d.upstream.Close())
}

// say prints what to paste: at the first start with the credentials in it, or
// with their variables where they went to a file; later with the variables.
func (d *demo) say(ctx context.Context, c *demoCommand, io *stdio) error {
	gatewayURL := "http://" + d.running.gateway.Addr().String()
	adminURL := d.adminURL()
	merchant, err := d.findMerchant(ctx)
	if err != nil {
		return err
	}
	var made secrets
	if merchant == "" {
		if made, err = d.furnishInto(ctx, c.Credentials); err != nil {
			return err
		}
	}
	fmt.Fprintf(io.out, "# tollgate demo: gateway %s, admin side %s, data in %s\n", gatewayURL, adminURL, c.Data)
	switch {
	case merchant != "":
		if err := d.sayAgain(ctx, merchant, c, io); err != nil {
			return err
		}
	case c.Credentials != "":
		fmt.Fprintf(io.out, "# The credentials are in %s and nowhere else. Read them into your shell first:\n. %s\n", c.Credentials, shellPath(c.Credentials))
		made = nil
	default:
		fmt.Fprintf(io.out, "# These credentials are shown this once. Later starts print $TG_… in their place.\n")
		for _, v := range demoVariables {
			fmt.Fprintf(io.out, "%s=%s  # %s\n", v.name, made[v.name], v.means)
		}
	}
	fmt.Fprintln(io.out)
	printLines(io.out, gatewayURL, made)
	fmt.Fprintf(io.out, "# the admin API, with the admin key\n# expect 200 allowed\n%s\n\n", made.fillIf(
		`curl -sS -w '\n%{http_code}\n' -H "Authorization: Bearer $TG_ADMIN_KEY" `+adminURL+`/admin/v1/tokens`))
	fmt.Fprintf(io.out, "# metrics: %s/metrics   the API's description: %s/admin/openapi.json   end: Ctrl-C\n", adminURL, adminURL)
	return nil
}

// furnishInto makes what the demo shows. Where the credentials are to go to a
// file, the file comes first: one that cannot be written to is found before
// there is anything to lose.
func (d *demo) furnishInto(ctx context.Context, path string) (made secrets, err error) {
	if path == "" {
		return d.furnish(ctx)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("--credentials: %s is there already and is not overwritten; name another file, or take it away", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--credentials: %w", err)
	}
	if made, err = d.furnish(ctx); err == nil {
		_, err = file.WriteString(made.shell())
		err = errors.Join(err, file.Sync())
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return made, nil
}

// fillIf is fill, or the text as it is where no secrets are known.
func (s secrets) fillIf(text string) string {
	if s == nil {
		return text
	}
	return s.fill(text)
}

// shell is the secrets as a file that a shell can read.
func (s secrets) shell() string {
	var text strings.Builder
	for _, v := range demoVariables {
		fmt.Fprintf(&text, "# %s\n%s='%s'\n", v.means, v.name, s[v.name])
	}
	return text.String()
}

// shellPath is a path that the shell's dot command does not look up in PATH.
func shellPath(path string) string {
	if !strings.Contains(path, "/") {
		path = "./" + path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
