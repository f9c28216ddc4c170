package pkginfo

import (
	"maps"
	"slices"
)

// goArch are Go's names for the machines that Linux runs on.
var goArch = []string{
	"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle",
	"ppc64", "ppc64le", "riscv64", "s390x",
}

// debianArch are Debian's names where they differ, with Go's.
var debianArch = map[string]string{
	"armel": "arm", "armhf": "arm", "i386": "386", "mips64el": "mips64le",
	"mipsel": "mipsle", "ppc64el": "ppc64le",
}

// architectures lists every name that a manifest may use.
func architectures() []string {
	names := append(slices.Collect(maps.Keys(debianArch)), goArch...)
	slices.Sort(names)
	return append(names, "all")
}
