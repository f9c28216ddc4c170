package public

import (
	"strconv"
	"strings"
)

// The kinds of content that are offered.
const (
	healthKind = "application/health+json"
	jsonKind   = "application/json"
	textKind   = "text/plain; charset=utf-8"
	htmlKind   = "text/html; charset=utf-8"
)

// preferred is the offer that an Accept header likes best: of several equally
// liked the first, and the first too where none is liked, since an answer in
// another form serves a probe better than 406.
func preferred(accept string, offers ...string) string {
	if accept == "" || accept == "*/*" {
		return offers[0]
	}
	best, most := offers[0], 0.0
	for _, offer := range offers {
		if q := quality(accept, offer); q > most {
			best, most = offer, q
		}
	}
	return best
}

// quality is how much an offer is liked, 0 to 1, by the most exact range that
// fits it.
func quality(accept, offer string) float64 {
	offer, _, _ = strings.Cut(offer, ";")
	main, _, _ := strings.Cut(offer, "/")
	liked, exact := 0.0, 0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		fits := 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case offer:
			fits = 3
		case main + "/*":
			fits = 2
		case "*/*":
			fits = 1
		}
		if fits > exact {
			liked, exact = weight(params), fits
		}
	}
	return liked
}

func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		text, ok := strings.CutPrefix(strings.ReplaceAll(p, " ", ""), "q=")
		if !ok {
			continue
		}
		if q, err := strconv.ParseFloat(text, 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}
