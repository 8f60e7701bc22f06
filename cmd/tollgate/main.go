// Command tollgate is a reverse proxy that issues tokens for payment APIs and
// lets a request through only if its token allows it.
//
// This is the only package that knows all the rooms: it reads the command line
// and the configuration, builds the house bottom-up, and closes it in reverse.
package main

import (
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// stdio is where a command reads and writes; tests hand in their own.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
}
