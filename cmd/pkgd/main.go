// Command pkgd is the daemon and the admin's command line in one binary.
package main

import (
	"os"

	"pkgd.io/pkgd/internal/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], cli.System())) }
