package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// The exit codes of the command line.
const (
	exitDone   = 0
	exitFailed = 1 // the thing asked for failed
	exitUsage  = 2 // the command line itself makes no sense
)

// commandLine is every command there is, in the order help lists them.
type commandLine struct {
	Demo        demoCommand        `cmd:"" help:"Run the whole product on this machine: sample payment API, gateway, admin side, SQLite. Prints credentials and curl lines."`
	Serve       serveCommand       `cmd:"" help:"Run the gateway. SIGHUP reloads the file, SIGTERM drains."`
	Check       checkCommand       `cmd:"" help:"Validate a configuration file: every error at once, with its position."`
	Migrate     migrateCommand     `cmd:"" help:"Bring the database to this version, or say what would be done."`
	Admin       adminCommands      `cmd:"" help:"Make admin credentials, straight in the store."`
	Merchant    merchantCommands   `cmd:"" help:"Manage merchants through a running gateway's admin API."`
	Token       tokenCommands      `cmd:"" help:"Manage tokens through a running gateway's admin API."`
	Explain     explainCommand     `cmd:"" help:"Ask a running gateway why a request would be allowed or refused."`
	Healthcheck healthcheckCommand `cmd:"" help:"Exit 0 when the gateway is ready, for containers."`
	Version     versionCommand     `cmd:"" help:"Say the version, commit, Go and modules of this binary."`
}

// usageError is a command line that kong could parse and the command cannot use.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// errSaid is an error whose text has been printed already.
var errSaid = errors.New("said already")

// run carries out one command line and returns its exit code. It never calls
// os.Exit, so that tests can run every command in their own process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	return runWith(args, stdio{in: stdin, out: stdout, err: stderr, environ: os.Environ()})
}

func runWith(args []string, io stdio) (code int) {
	var cli commandLine
	exited := false
	parser, err := kong.New(&cli,
		kong.Name("tollgate"),
		kong.Description("A reverse proxy that issues tokens for payment APIs and lets a request through only if its token, IP address, method, composition and phone numbers allow it."),
		kong.Writers(helpTo(args, &io), io.err),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(&io),
	)
	if err != nil {
		fmt.Fprintln(io.err, "tollgate: BUG: command line:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"} // on standard error, and as the mistake that it is
		defer func() { code = exitUsage }()
	}
	command, err := parser.Parse(args)
	if exited { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(io.err, "tollgate: %v\nTry: %s --help\n", err, spoken(err))
		return exitUsage
	}
	return exitCode(command.Run(), impatient{io.err})
}

// helpTo is where help goes: to standard output where it was asked for.
func helpTo(args []string, io *stdio) io.Writer {
	if len(args) == 0 {
		return io.err
	}
	return io.out
}

// spoken is the command that a mistake was made in, as far as it was understood.
func spoken(err error) string {
	var mistake *kong.ParseError
	if errors.As(err, &mistake) && mistake.Context != nil {
		if node := mistake.Context.Selected(); node != nil {
			return node.FullPath()
		}
	}
	return "tollgate"
}

func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "tollgate: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "tollgate: %v\n", err)
	return exitFailed
}
