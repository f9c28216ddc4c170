// Command ctl is what a package's hooks, services and apps call to speak with
// pkgd; as snapctl it serves hooks written for snapd. Its rule: it starts and
// answers as fast as a program can, so it links neither pkgd's engine nor the
// packages listed in its tests.
package main

import (
	"os"

	"pkgd.io/pkgd/snapctl"
)

func main() {
	os.Exit(snapctl.Run(os.Args[1:], snapctl.Env{
		Getenv: os.Getenv,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}))
}
