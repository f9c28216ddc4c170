package ctlcmd

import (
	"errors"
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/snapctl"
)

// usageError is something wrong with the words themselves.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// failure is the response to a command that was not carried out.
func failure(err error) api.CtlResponse {
	resp := refusal(text(err))
	var usage *usageError
	if errors.As(err, &usage) {
		resp.ExitCode = snapctl.ExitUsage
	}
	return resp
}

// refusal is a response that prints exactly one line, whatever the text holds.
func refusal(text string) api.CtlResponse {
	line := strings.Join(strings.FieldsFunc(text, isBreak), "; ")
	return api.CtlResponse{Stderr: "ctl: " + line + "\n", ExitCode: snapctl.ExitRefused}
}

func isBreak(r rune) bool { return r == '\n' || r == '\r' }

// text is what an error has to say, with its hint if it carries one.
func text(err error) string {
	if err == nil {
		return ""
	}
	var refused *api.Error
	if errors.As(err, &refused) && refused.Hint != "" {
		return err.Error() + ": " + refused.Hint
	}
	return err.Error()
}
