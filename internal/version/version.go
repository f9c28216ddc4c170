// Package version knows which version of pkgd this is. Its one noun is the
// version string; its rule is that a build says it with the linker
// (-X pkgd.io/pkgd/internal/version.built=0.2.0), that a module built by version
// has it from there, and that anything else is a development build of the next.
package version

import (
	"runtime/debug"
	"strings"
)

// next is the version that development leads to.
const next = "0.1.0"

// built is set by the linker, never by the program.
var built string

// String is the version, without a leading v: "0.1.0", "0.1.0-dev+ab12cd3".
func String() string {
	if built != "" {
		return built
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return next + "-dev"
	}
	// A version that Go made up itself from the commit says less than ours.
	if v := info.Main.Version; v != "" && v != "(devel)" && !strings.HasPrefix(v, "v0.0.0-") {
		return strings.TrimPrefix(v, "v")
	}
	return next + "-dev" + commit(info.Settings)
}

func commit(settings []debug.BuildSetting) string {
	for _, s := range settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 7 {
			return "+" + s.Value[:7]
		}
	}
	return ""
}
