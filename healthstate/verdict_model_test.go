package healthstate_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// reply is a hook's answer as far as the verdict cares.
type reply struct {
	status   healthstate.Status
	explicit bool
	failed   bool
	takes    int // milliseconds
}

// weather is how the services are from a moment on.
type weather struct {
	from     int // milliseconds
	broken   bool
	between  bool
	restarts int
}

type result struct {
	status healthstate.Status
	down   bool
	runs   int
	at     int // milliseconds
}

// model is section 2 of the design, one millisecond after the other.
type model struct {
	settle, bake int
	replies      []reply
	skies        []weather

	runs, end, next int // end of the present run, begin of the next
	running         bool
	heldSince       int // -1: it is not active
	heldRuns, base  int
	pause           int
}

func (m *model) sky(t int) (now weather, changed bool) {
	for _, w := range m.skies {
		if w.from <= t {
			now, changed = w, w.from == t
		}
	}
	return now, changed
}

func (m *model) verdict() result {
	m.heldSince, m.pause = -1, 250
	for t := 0; ; t++ {
		sky, changed := m.sky(t)
		if !m.running && changed && m.fallen(sky) {
			return m.downAt(t)
		}
		if !m.running && t == m.next {
			m.running, m.end = true, t+m.reply().takes
			m.runs++
		}
		if m.running && t == m.end {
			m.running = false
			if res, done := m.heard(t, sky); done {
				return res
			}
		}
	}
}

// reply is that of the last run that began, or of the one that begins.
func (m *model) reply() reply {
	n := m.runs
	if m.running {
		n--
	}
	return m.replies[min(n, len(m.replies)-1)]
}

func (m *model) last() reply { return m.replies[min(m.runs-1, len(m.replies)-1)] }

func (m *model) fallen(sky weather) bool {
	return sky.broken || m.heldSince >= 0 && (sky.between || sky.restarts > m.base)
}

func (m *model) downAt(t int) result { return result{healthstate.Error, true, m.runs, t} }

func (m *model) heard(t int, sky weather) (result, bool) {
	r := m.last()
	ownError := r.explicit && r.status == healthstate.Error
	switch {
	case m.fallen(sky), sky.between && !ownError && t >= m.settle:
		return m.downAt(t), true
	case ownError, r.explicit && r.status == healthstate.Blocked && !sky.between:
		return result{r.status, false, m.runs, t}, true
	case r.status == healthstate.Active && !sky.between:
		return m.hold(t, sky)
	}
	m.heldSince, m.heldRuns = -1, 0
	if t >= m.settle {
		status := r.status
		if r.failed {
			status = healthstate.Error
		}
		return result{status, false, m.runs, t}, true
	}
	m.next = min(t+m.pause, m.settle)
	m.pause = min(2*m.pause, 5000)
	return result{}, false
}

func (m *model) hold(t int, sky weather) (result, bool) {
	if m.heldSince < 0 {
		m.heldSince, m.heldRuns, m.base = t, 0, sky.restarts
	}
	m.heldRuns++
	m.pause = 250
	if m.bake == 0 {
		return result{map[bool]healthstate.Status{true: healthstate.Error, false: healthstate.Active}[sky.restarts > 0], sky.restarts > 0, m.runs, t}, true
	}
	if m.heldRuns >= 2 && t-m.heldSince >= m.bake {
		return result{healthstate.Active, false, m.runs, t}, true
	}
	m.next = min(t+5000, m.heldSince+m.bake)
	return result{}, false
}

func drawReply(t *rapid.T) reply {
	r := rapid.SampledFrom([]reply{
		{status: healthstate.Active, explicit: true},
		{status: healthstate.Active, explicit: true}, // more often than the others
		{status: healthstate.Active},                 // by the roll-up
		{status: healthstate.Waiting, explicit: true},
		{status: healthstate.Waiting, explicit: true, failed: true},
		{status: healthstate.Maintenance, explicit: true},
		{status: healthstate.Unknown},
		{status: healthstate.Error},
		{status: healthstate.Error, failed: true},
		{status: healthstate.Error, explicit: true},
		{status: healthstate.Blocked, explicit: true},
	}).Draw(t, "reply")
	r.takes = 10 * rapid.IntRange(0, 80).Draw(t, "takes")
	return r
}

func drawSkies(t *rapid.T) []weather {
	skies := []weather{{}}
	at, restarts := 0, 0
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		at += 10*rapid.IntRange(0, 400).Draw(t, "after") + 3 // never at the moment at which a run begins or ends
		if rapid.Bool().Draw(t, "restarted") {
			restarts++
		}
		skies = append(skies, weather{
			from: at - at%10 + 3, restarts: restarts,
			broken: rapid.IntRange(0, 3).Draw(t, "broken") == 0, between: rapid.IntRange(0, 2).Draw(t, "between") == 0,
		})
	}
	return skies
}

// try runs the real thing against the same hook and the same services.
func try(t *testing.T, m *model) (got result) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		hints := make(chan struct{}, 1)
		for _, w := range m.skies[1:] {
			time.AfterFunc(ms(w.from), func() {
				select {
				case hints <- struct{}{}:
				default:
				}
			})
		}
		runs := 0
		trial := healthstate.Trial{
			Hook: true, Services: true, Settle: ms(m.settle), Bake: ms(m.bake), Events: hints,
			Run: func(context.Context) (healthstate.Outcome, error) {
				r := m.replies[min(runs, len(m.replies)-1)]
				runs++
				<-time.After(ms(r.takes))
				return healthstate.Outcome{Record: api.Record{Status: string(r.status)}, Explicit: r.explicit, Failed: r.failed}, nil
			},
			Look: func(context.Context) (healthstate.Upkeep, error) {
				sky, _ := m.sky(int(time.Since(begin).Milliseconds()))
				u := healthstate.Upkeep{Restarts: sky.restarts}
				if sky.broken {
					u.Broken = "main is failed"
				}
				if sky.between {
					u.Between = "main is activating"
				}
				return u, nil
			},
		}
		v, err := trial.Judge(t.Context(), target("web", 1))
		if err != nil {
			t.Fatal(err)
		}
		got = result{v.Status(), v.ServiceDown != "", v.Runs, int(time.Since(begin).Milliseconds())}
	})
	return got
}

func TestTheVerdictIsThatOfTheModel(t *testing.T) {
	for range 10 {
		rapid.Check(t, func(rt *rapid.T) { tryModel(t, rt) })
	}
}

func tryModel(t *testing.T, rt *rapid.T) {
	m := &model{
		settle:  10 * rapid.IntRange(0, 1200).Draw(rt, "settle"),
		bake:    10 * rapid.SampledFrom([]int{0, 0, 1, 50, 300, 1300}).Draw(rt, "bake"),
		replies: rapid.SliceOfN(rapid.Custom(drawReply), 1, 8).Draw(rt, "replies"),
		skies:   drawSkies(rt),
	}
	want := m.verdict()
	if got := try(t, m); got != want {
		rt.Fatalf("got %+v, the model says %+v", got, want)
	}
}
