package version_test

import (
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/version"
)

func TestVersionIsWrittenAsPackagesWriteTheirs(t *testing.T) {
	v := version.String()
	if v == "" || strings.HasPrefix(v, "v") || strings.ContainsAny(v, " \n") {
		t.Errorf("version %q: want something like 0.1.0", v)
	}
}
