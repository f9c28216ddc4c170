package truth

import "testing"

// Histories that once told pkgd and the model apart.

func TestACrashLoopIsKeptWhereThePackageAsksForThat(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 4, at: "check-healthafter", cut: "kill", times: 3},
	)
}

func TestACrashLoopIsTheVerdictWhereItIsKept(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, noRevert: true, at: "post-refresh", cut: "kill", times: 3},
	)
}

func TestACrashLoopOfWhatWasNotWellIsUnproven(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, say: "waiting"},
		deed{do: "refresh", pkg: "web", v: 2, at: "check-healthafter", cut: "kill", times: 3},
	)
}

func TestContentThatIsTakenBackDoesNotFillTheDisk(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, say: "error"},
		deed{do: "refresh", pkg: "web", v: 3, say: "error"},
		deed{do: "refresh", pkg: "web", v: 5, say: "error"},
		deed{do: "refresh", pkg: "web", v: 6, down: true},
	)
}

func TestToStartAPackageWithoutServicesIsRefused(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 5},
		deed{do: "start", pkg: "web"},
	)
}

// Histories of what is rare in those that are drawn.

func TestThreeDeathsBeforeTheVerdictTakeARefreshBack(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, at: "post-refresh", cut: "kill", times: 3},
		deed{do: "refresh", pkg: "web", v: 2},
	)
}

func TestWhatIsRefreshedTogetherGoesBackTogether(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}}},
		deed{do: "refresh", pkg: "web", v: 2, together: true, with: []deed{{do: "refresh", pkg: "db", v: 5, say: "error"}}},
		deed{do: "refresh", pkg: "web", v: 2},
	)
}

func TestByItselfPkgdRefreshesNeitherWhatIsHeldNorWhatIsRefused(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}, {do: "install", pkg: "hub", v: 1}}},
		deed{do: "refresh", pkg: "hub", v: 2, say: "error"},
		deed{do: "hold", pkg: "web"},
		deed{do: "offer", pkg: "web", v: 2},
		deed{do: "offer", pkg: "db", v: 2},
		deed{do: "offer", pkg: "hub", v: 2},
		deed{do: "auto"},
		deed{do: "unhold", pkg: "web"},
		deed{do: "look"},
	)
}

func TestAServiceThatFlapsWhileItBakesIsTakenBack(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 8, flap: true},
	)
}

func TestDataThatAreSharedStayWhenTheRevisionGoes(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "hub", v: 1},
		deed{do: "write", pkg: "hub", n: 1},
		deed{do: "refresh", pkg: "hub", v: 2, say: "error"},
		deed{do: "refresh", pkg: "hub", v: 4},
		deed{do: "revert", pkg: "hub"},
		deed{do: "purge", pkg: "hub"},
	)
}

func TestWhatWasUnsetStaysSoWhenARevisionGoesBack(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "set", pkg: "web", n: 2},
		deed{do: "unset", pkg: "web"},
		deed{do: "refresh", pkg: "web", v: 2, say: "error"},
	)
}

func TestARevertGoesBackToTheRevisionThatIsNamed(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "write", pkg: "web", n: 1},
		deed{do: "refresh", pkg: "web", v: 2},
		deed{do: "set", pkg: "web", n: 2},
		deed{do: "refresh", pkg: "web", v: 4},
		deed{do: "revert", pkg: "web", to: 1},
		deed{do: "revert", pkg: "web", to: 3},
		deed{do: "revert", pkg: "web", to: 1},
		deed{do: "revert", pkg: "web"},
		deed{do: "revert", pkg: "web", to: 1},
	)
}

func TestWhatAServiceSaysInTheWindowIsNoVerdict(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, at: "check-healthafter", cut: "app"},
		deed{do: "refresh", pkg: "web", v: 4, say: "silent", at: "post-refresh", cut: "app"},
		deed{do: "check", pkg: "web"},
		deed{do: "refresh", pkg: "web", v: 6, at: "post-refresh", cut: "app"},
		deed{do: "check", pkg: "web"},
	)
}

func TestAServiceHoldsItsPackageUnlessAnAdminDoes(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 6},
		deed{do: "app", pkg: "web", call: "hold"},
		deed{do: "offer", pkg: "web", v: 8},
		deed{do: "look"},
		deed{do: "app", pkg: "web", call: "proceed"},
		deed{do: "hold", pkg: "web", n: 1},
		deed{do: "app", pkg: "web", call: "hold"},
		deed{do: "app", pkg: "web", call: "proceed"},
		deed{do: "look"},
		deed{do: "hold", pkg: "web", n: 2},
		deed{do: "look"},
	)
}

func TestFewerRevisionsAreKeptFromTheNextRefreshOn(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2},
		deed{do: "refresh", pkg: "web", v: 4},
		deed{do: "retain", n: 2},
		deed{do: "revert", pkg: "web", to: 1},
		deed{do: "refresh", pkg: "web", v: 5},
		deed{do: "revert", pkg: "web", to: 2},
	)
}

func TestAPackageIsCheckedWhileADeathMakesItsChangeBeginAgain(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, at: "pre-refresh", cut: "check"},
		deed{do: "refresh", pkg: "web", v: 4, at: "pre-refresh", cut: "kill", times: 2},
		deed{do: "set", pkg: "web", n: 1, at: "configure", cut: "stop", times: 2},
	)
}

func TestDeathsInATransactionTakeAllOfItBack(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}, {do: "install", pkg: "hub", v: 1}}},
		deed{
			do: "refresh", pkg: "web", v: 2, at: "check-healthafter", cut: "kill", times: 3, together: true,
			with: []deed{{do: "refresh", pkg: "db", v: 4, at: "pre-refresh"}},
		},
		deed{
			do: "refresh", pkg: "web", v: 4, at: "check-healthafter", cut: "kill", times: 3, together: true,
			with: []deed{{do: "refresh", pkg: "db", v: 5}, {do: "refresh", pkg: "hub", v: 5}},
		},
		deed{do: "look"},
	)
}

func TestDeathsInOnePackagesWindowLeaveTheOthers(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}, {do: "install", pkg: "hub", v: 1}}},
		deed{
			do: "refresh", pkg: "web", v: 2, at: "post-refresh", cut: "kill", times: 3,
			with: []deed{{do: "refresh", pkg: "db", v: 2}, {do: "refresh", pkg: "hub", v: 2, at: "check-healthbefore"}},
		},
	)
}

func TestAnAbortTakesBackAWholeTransaction(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}, {do: "install", pkg: "hub", v: 1}}},
		deed{
			do: "refresh", pkg: "web", v: 2, at: "check-healthafter", cut: "abort", together: true,
			with: []deed{{do: "refresh", pkg: "db", v: 2}, {do: "refresh", pkg: "hub", v: 5}},
		},
		deed{do: "remove", pkg: "web", at: "remove", cut: "abort", together: true, with: []deed{{do: "remove", pkg: "db"}}},
	)
}

func TestAnAbortLeavesThePackagesThatAreDone(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}, {do: "install", pkg: "hub", v: 1}}},
		deed{
			do: "refresh", pkg: "web", v: 2, at: "check-healthafter", cut: "abort",
			with: []deed{{do: "refresh", pkg: "db", v: 2}, {do: "refresh", pkg: "hub", v: 5, say: "error"}},
		},
	)
}

func TestAnAbortBringsNothingBackThatIsDeleted(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}}},
		deed{do: "remove", pkg: "web", at: "remove", cut: "abort", with: []deed{{do: "remove", pkg: "db"}}},
	)
}

func TestAPackageOfATransactionIsCheckedWhileAnotherIsHeldUp(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1, with: []deed{{do: "install", pkg: "db", v: 1}}},
		deed{
			do: "refresh", pkg: "web", v: 2, at: "check-healthafter", cut: "kill", times: 2, together: true,
			with: []deed{{do: "refresh", pkg: "db", v: 2}},
		},
	)
}

func TestAHookThatDiesEachTimeLeavesNothingInSharedData(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "hub", v: 8},
		deed{do: "refresh", pkg: "hub", v: 6, at: "post-refresh", cut: "kill", times: 3},
	)
}

func TestDataThatWereSetAsideComeBackAndGo(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, say: "error"},
		deed{do: "write", pkg: "web", n: 1},
		deed{do: "restore", pkg: "web", n: 1},
		deed{do: "refresh", pkg: "web", v: 4},
		deed{do: "revert", pkg: "web"},
		deed{do: "refresh", pkg: "web", v: 5},
		deed{do: "refresh", pkg: "web", v: 1},
		deed{do: "drop", pkg: "web", n: 1},
		deed{do: "remove", pkg: "web"},
		deed{do: "install", pkg: "web", v: 5},
		deed{do: "remove", pkg: "web"},
		deed{do: "purge", pkg: "web"},
	)
}

func TestWhatIsAcceptedAsksNoMore(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 1},
		deed{do: "refresh", pkg: "web", v: 2, say: "error", noRevert: true},
		deed{do: "accept", pkg: "web"},
	)
}

func TestACheckWhileAPackageIsConfiguredHearsWhatItSaysNow(t *testing.T) {
	t.Parallel()
	play(t,
		deed{do: "install", pkg: "web", v: 6},
		deed{do: "refresh", pkg: "web", v: 5, first: []string{"waiting"}},
		deed{do: "unset", pkg: "web", at: "configure", cut: "kill", times: 3},
	)
}
