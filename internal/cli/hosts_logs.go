package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/remote"
)

// logsOf asks hosts for lines and shows them by time. Whoever did not answer is
// named on stderr, and ends the command with 1 when the others have been shown.
func (a *app) logsOf(ctx context.Context, q question) error {
	answers, err := a.askHosts(ctx, q)
	if err != nil {
		return err
	}
	var lines []api.HostLogLine
	var missing error
	for _, ans := range answers {
		more, err := readLogs(ans)
		lines = append(lines, more...)
		if err != nil {
			a.story("%s %s %s", a.err.red("error:"), ans.Host, harmless(err.Error()))
			missing = exit(exitFailed)
		}
	}
	slices.SortStableFunc(lines, func(x, y api.HostLogLine) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Host, y.Host)) })
	for _, l := range lines {
		if err := a.hostLogLine(l); err != nil {
			return err
		}
	}
	return missing
}

// readLogs takes the lines out of a host's answer. Those before the first that
// makes no sense are kept.
func readLogs(ans remote.Answer) (lines []api.HostLogLine, err error) {
	if ans.Err != nil {
		return nil, errors.New(whyNot(ans))
	}
	for dec := json.NewDecoder(bytes.NewReader(ans.Stdout)); ; {
		l := api.HostLogLine{Host: ans.Host}
		err := dec.Decode(&l.LogLine)
		if errors.Is(err, io.EOF) && ans.Exit == 0 {
			return lines, nil
		}
		if err != nil || l.Package == "" || l.Service == "" {
			return lines, errors.New(whyNot(ans))
		}
		lines = append(lines, l)
	}
}

func (a *app) hostLogLine(l api.HostLogLine) error {
	return a.printLine(l, l.LogLine, a.out.bold(l.Host)+" ")
}
