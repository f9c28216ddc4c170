package healthstate

import (
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/pkginfo"
)

// RollUp gives the status that checks come to where nobody set one (design §2):
// "worst" (and no rule) is an error when any fails, "majority" when not more
// than half do not fail, "quorum" when fewer than N do not fail. A warn does not
// fail. No checks say nothing: Unknown.
func RollUp(rule pkginfo.Rollup, list []api.Check) (status Status, code, message string) {
	if len(list) == 0 {
		return Unknown, CodeNoHealthSet, ""
	}
	var failing []api.Check
	for _, c := range list {
		if c.Health == Fail {
			failing = append(failing, c)
		}
	}
	if holds(rule, len(list)-len(failing), len(list)) {
		return Active, "", ""
	}
	if len(failing) == 0 {
		return Error, CodeCheckFailed, fmt.Sprintf("only %d of the quorum of %d checks reported", len(list), rule.N)
	}
	return Error, CodeCheckFailed, failures(failing, len(list))
}

func holds(rule pkginfo.Rollup, good, all int) bool {
	switch rule.Rule {
	case "majority":
		return 2*good > all
	case "quorum":
		return good >= rule.N
	}
	return good == all
}

func failures(failing []api.Check, all int) string {
	if len(failing) == 1 {
		return tidy(strings.TrimSuffix(failing[0].Name+": "+failing[0].Message, ": "))
	}
	text := fmt.Sprintf("%d of %d checks fail", len(failing), all)
	for i, c := range failing {
		text += []string{": ", ", "}[min(i, 1)] + c.Name
	}
	return tidy(text)
}
