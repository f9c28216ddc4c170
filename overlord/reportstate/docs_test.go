package reportstate_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// TestTheReferenceHasEveryKeyThatTravels: of records the page on health tells.
func TestTheReferenceHasEveryKeyThatTravels(t *testing.T) {
	b, err := os.ReadFile("../../docs/reference/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	seen := map[reflect.Type]bool{reflect.TypeFor[api.Record](): true, reflect.TypeFor[time.Time](): true}
	for _, shape := range []reflect.Type{reflect.TypeFor[api.Exchange](), reflect.TypeFor[api.ExchangeAnswer]()} {
		for _, name := range keys(shape, seen) {
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("key %q is missing", name)
			}
		}
	}
}

// keys lists the JSON keys of a shape and of those within it.
func keys(shape reflect.Type, seen map[reflect.Type]bool) (names []string) {
	for shape.Kind() == reflect.Pointer || shape.Kind() == reflect.Slice {
		shape = shape.Elem()
	}
	if shape.Kind() != reflect.Struct || seen[shape] {
		return nil
	}
	seen[shape] = true
	for f := range shape.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && !(shape == reflect.TypeFor[api.Transition]() && name == "package") {
			names = append(names, name)
		}
		names = append(names, keys(f.Type, seen)...)
	}
	return names
}
