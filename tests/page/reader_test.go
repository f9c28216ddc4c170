package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// node is a part of the page as the browser tells it to a screen reader.
type node struct {
	role, name string
	props      map[string]string
}

func (n node) String() string { return n.role + " " + n.name }

// nodes are those that a screen reader meets, in its order.
func nodes(t *testing.T, win context.Context) (list []node) {
	t.Helper()
	tree, err := chromedp.Call(win, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	byID := map[accessibility.NodeID]*accessibility.Node{}
	for _, n := range tree.Nodes {
		byID[n.NodeID] = n
	}
	var visit func(n *accessibility.Node)
	visit = func(n *accessibility.Node) {
		if !n.Ignored {
			list = append(list, told(n))
		}
		for _, id := range n.ChildIDs {
			if child := byID[id]; child != nil {
				visit(child)
			}
		}
	}
	visit(tree.Nodes[0])
	return list
}

func told(n *accessibility.Node) node {
	one := node{role: value(n.Role), name: value(n.Name), props: map[string]string{}}
	for _, p := range n.Properties {
		one.props[string(p.Name)] = value(p.Value)
	}
	return one
}

func value(v *accessibility.Value) string {
	if v == nil || len(v.Value) == 0 {
		return ""
	}
	var any any
	if json.Unmarshal(v.Value, &any) != nil {
		return ""
	}
	return fmt.Sprint(any)
}

func of(list []node, role string) (names []string) {
	for _, n := range list {
		if n.role == role {
			names = append(names, n.name)
		}
	}
	return names
}

// TestAScreenReaderMeetsTheWholePage goes by the browser's accessibility tree,
// also where the table is drawn as cards.
func TestAScreenReaderMeetsTheWholePage(t *testing.T) {
	for name, cells := range map[string]int{"light": 34, "phone": 30, "no-script": 34} {
		t.Run(name, func(t *testing.T) {
			_, win := open(t, looks[name])
			list := nodes(t, win)
			for role, want := range map[string][]string{
				"banner": {""}, "main": {""}, "contentinfo": {""},
				"region":       {"2 of 6 packages need help", "Packages"},
				"heading":      {"2 of 6 packages need help", "Packages", "What the signs mean"},
				"table":        {"Packages"},
				"columnheader": {"Package", "Status", "For", "Last 90 days", "Last change"},
				"rowheader":    {"db 15.2", "mail 3.7.1", "queue 4.0.0-rc.1", "cache 0.9.3", "metrics 2.51.0", "web 1.4.2", "tools 1.0"},
			} {
				if got := of(list, role); !slices.Equal(got, want) {
					t.Errorf("%s: got %q, want %q", role, got, want)
				}
			}
			// Four in each of seven rows and six stories; cards leave out what is empty.
			if n := len(of(list, "cell")); n != cells {
				t.Errorf("%d cells, want %d", n, cells)
			}
			for _, n := range list {
				if n.name == "" && (n.props["focusable"] == "true" && n.role != "RootWebArea" || slices.Contains([]string{"image", "img", "button", "link", "DisclosureTriangle"}, n.role)) {
					t.Errorf("something has no name: %s %v", n.role, n.props)
				}
			}
		})
	}
}

// TestEachBarIsReadAsOneGroupOfSpans: its summary first, then each span with
// what became of the package.
func TestEachBarIsReadAsOneGroupOfSpans(t *testing.T) {
	_, win := open(t, plain)
	list := nodes(t, win)
	at := slices.IndexFunc(list, func(n node) bool { return n.role == "group" && strings.HasPrefix(n.name, "db, ") })
	if at < 0 {
		t.Fatalf("db has no bar among %v", list)
	}
	if want := "db, last 90 days: active 96.7 % of the time, error 2 times, waiting 1 time"; list[at].name != want {
		t.Errorf("got %s, want %s", list[at].name, want)
	}
	wants := []string{"active, ", "error, ", "active, ", "waiting, ", "active, ", "error since "}
	spans := of(list[at+1:], "image")
	for i, want := range wants {
		if i >= len(spans) || !strings.HasPrefix(spans[i], want) {
			t.Errorf("span %d of %q does not begin with %q", i, spans, want)
		}
	}
}

// TestOnlyAChangeOfTheLevelIsAnnounced, and that politely.
func TestOnlyAChangeOfTheLevelIsAnnounced(t *testing.T) {
	h, win := open(t, plain)
	live(t, win)
	var regions []string
	for _, n := range nodes(t, win) {
		if l := n.props["live"]; l != "" && l != "off" {
			regions = append(regions, n.role+" "+l)
		}
	}
	if quiet := eval[string](t, win, `document.querySelector("#said").getAttribute("role") + " of " + document.querySelectorAll("[aria-live], [role=status], [role=log], [role=timer], output, marquee").length`); quiet != "status of 1" {
		t.Errorf("announcements come from %s", quiet)
	}
	if slices.ContainsFunc(regions, func(r string) bool { return !strings.HasSuffix(r, "polite") }) {
		t.Errorf("live regions: %q, want polite ones only", regions)
	}
	do(t, win, chromedp.Evaluate[chromedp.Void](`
		window.announced = [];
		new MutationObserver(() => announced.push(document.getElementById("said").textContent)).observe(document.getElementById("said"), {childList: true, characterData: true, subtree: true});`))
	h.turns("web", "error", "port-taken", "Port 80 is taken")
	eventually(t, win, `document.getElementById("headline").textContent === "3 of 6 packages need help"`)
	if n := eval[int](t, win, `announced.length`); n != 0 {
		t.Errorf("%d announcements while the level stayed", n)
	}
	for _, name := range []string{"web", "db", "mail", "queue"} {
		h.turns(name, "active", "", "")
	}
	eventually(t, win, `announced.at(-1) === "OK: All 6 packages are well"`)
}
