package truth

import "testing"

// Histories that once told pkgd and the model apart.

func TestACrashLoopIsKeptWhereThePackageAsksForThat(t *testing.T) {
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 4, at: "check-healthafter", cut: "kill", times: 3},
	)
}

func TestACrashLoopIsTheVerdictWhereItIsKept(t *testing.T) {
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, noRevert: true, at: "post-refresh", cut: "kill", times: 3},
	)
}

func TestACrashLoopOfWhatWasNotWellIsUnproven(t *testing.T) {
	play(t,
		deed{do: "install", pkg: "web", v: 1, say: "waiting"},
		deed{do: "refresh", pkg: "web", v: 2, at: "check-healthafter", cut: "kill", times: 3},
	)
}

func TestContentThatIsTakenBackDoesNotFillTheDisk(t *testing.T) {
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, say: "error"},
		deed{do: "refresh", pkg: "web", v: 3, say: "error"},
		deed{do: "refresh", pkg: "web", v: 5, say: "error"},
		deed{do: "refresh", pkg: "web", v: 6, down: true},
	)
}

func TestToStartAPackageWithoutServicesIsRefused(t *testing.T) {
	play(t,
		deed{do: "install", pkg: "web", v: 5},
		deed{do: "start", pkg: "web"},
	)
}
