package healthstate

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// pluginCheck reads the run of one executable of health.d as a monitoring
// plug-in: exit 0 passed, 1 warn, 2 fail, 3 unknown, which counts as warn.
// Anything else is a plug-in that is itself broken, and fails.
func pluginCheck(name string, res hookrunner.Result) api.Check {
	message, data := parsePlugin(string(res.Stdout))
	c := api.Check{Name: checkNameOf(name), Message: message, Data: data, Health: Fail}
	switch {
	case res.TimedOut:
		c.Message = tidy(fmt.Sprintf("did not end within %s", res.Timeout))
	case res.Signal != "" || res.ExitCode < 0 || res.ExitCode > 3:
		c.Message = tidy(res.Err().Error())
	default:
		c.Health = []string{Passed, Warn, Fail, Warn}[res.ExitCode]
	}
	return fitted(c)
}

// checkNameOf makes a check's name of a file's.
func checkNameOf(file string) string {
	name := []rune(tidy(file))
	if len(name) == 0 {
		return "plug-in"
	}
	return strings.TrimSpace(string(name[:min(len(name), maxCode)]))
}

// parsePlugin reads what a plug-in prints: the first line up to "|" is the
// message; what follows it there, and after the next "|" in the lines below, is
// performance data.
func parsePlugin(out string) (message string, data map[string]string) {
	first, rest, _ := strings.Cut(out, "\n")
	message, perf, _ := strings.Cut(first, "|")
	if _, more, ok := strings.Cut(rest, "|"); ok {
		perf += " " + more
	}
	return tidy(message), perfData(perf)
}

// perfData reads 'label'=value[UOM];[warn];[crit];[min];[max] as the
// Monitoring Plugins Development Guidelines have it. A datum is the value with
// its unit; thresholds and bounds become LABEL.warn, LABEL.crit, LABEL.min and
// LABEL.max as far as there are keys left. An item that is malformed is left out
// and spoils no other.
func perfData(s string) map[string]string {
	data, extra := map[string]string{}, map[string]string{}
	var extraKeys []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		var label, values string
		var ok bool
		if label, values, s, ok = nextPerf(s); !ok {
			continue
		}
		fields := strings.Split(values, ";")
		if checkName("datum", label) != nil || !isPerfValue(fields[0]) || len(data) == MaxData {
			continue
		}
		data[label] = fields[0]
		for i, suffix := range []string{".warn", ".crit", ".min", ".max"} {
			if i+1 < len(fields) && isRange(fields[i+1]) && checkName("datum", label+suffix) == nil {
				extra[label+suffix] = fields[i+1]
				extraKeys = append(extraKeys, label+suffix)
			}
		}
	}
	for _, key := range extraKeys {
		if _, taken := data[key]; !taken && len(data) < MaxData {
			data[key] = extra[key]
		}
	}
	return data
}

// nextPerf cuts the next item off s, which does not begin with a space. A label
// with spaces stands in single quotes, in which two quotes mean one.
func nextPerf(s string) (label, values, rest string, ok bool) {
	if !strings.HasPrefix(s, "'") {
		item, rest := cutSpace(s)
		label, values, ok = strings.Cut(item, "=")
		return label, values, rest, ok
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			i++
			continue
		}
		item, rest := cutSpace(s[i+1:])
		values, ok = strings.CutPrefix(item, "=")
		return strings.ReplaceAll(s[1:i], "''", "'"), values, rest, ok
	}
	return "", "", "", false // a quote without an end takes the rest with it
}

func cutSpace(s string) (item, rest string) {
	if i := strings.IndexAny(s, " \t\r\n"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// isPerfValue tells a number with a unit, or U for a value that could not be
// had.
func isPerfValue(s string) bool {
	if s == "U" {
		return true
	}
	number := strings.TrimRightFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if len(s)-len(number) > 8 || checkName("unit", "x"+s[len(number):]) != nil {
		return false
	}
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && !math.IsInf(f, 0)
}

// isRange tells a threshold: [@][start:][end], ~ being minus infinity.
func isRange(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "@~:.-+eE0123456789") == ""
}
