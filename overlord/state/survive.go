package state

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// encode turns a value into what is kept, and panics when reading it back
// would give something else: what would not survive a restart fails today.
// Only the shape of a type can make it fail, never the text in a string.
func encode(what string, v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("internal error: cannot keep %s: %v", what, err))
	}
	back := reflect.New(reflect.TypeOf(v))
	if err := json.Unmarshal(b, back.Interface()); err != nil {
		panic(fmt.Sprintf("internal error: cannot read back %s: %v", what, err))
	}
	if at := lost(reflect.ValueOf(v), back.Elem()); at != "" {
		panic(fmt.Sprintf("internal error: %s would not survive a restart: %T%s", what, v, strings.TrimPrefix(at, " ")))
	}
	return b
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// lost gives the path of the first part of a that b does not have, starting
// with a space, or "".
func lost(a, b reflect.Value) string {
	if !a.IsValid() || !b.IsValid() {
		return differs(a.IsValid() == b.IsValid())
	}
	if t := a.Type(); t.Implements(jsonMarshaler) || t.Implements(textMarshaler) {
		return differs(sameJSON(a, b))
	}
	switch a.Kind() {
	case reflect.Interface:
		return differs(sameJSON(a, b))
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return differs(a.IsNil() == b.IsNil())
		}
		return lost(a.Elem(), b.Elem())
	case reflect.Struct:
		return lostField(a, b)
	case reflect.Slice, reflect.Array:
		return lostElement(a, b)
	case reflect.Map:
		return lostKey(a, b)
	case reflect.String:
		// Text that JSON has to repair comes from outside, and must not be
		// able to stop pkgd.
		return differs(a.String() == b.String() || !utf8.ValidString(a.String()))
	}
	return differs(a.Equal(b))
}

func differs(same bool) string {
	if same {
		return ""
	}
	return " "
}

func lostField(a, b reflect.Value) string {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if f.Tag.Get("json") == "-" {
			continue // left out on purpose
		}
		if !f.IsExported() && !f.Anonymous {
			if !a.Field(i).IsZero() {
				return " ." + f.Name
			}
			continue
		}
		if at := lost(a.Field(i), b.Field(i)); at != "" {
			return " ." + f.Name + strings.TrimPrefix(at, " ")
		}
	}
	return ""
}

func lostElement(a, b reflect.Value) string {
	if a.Len() != b.Len() {
		return " "
	}
	for i := range a.Len() {
		if at := lost(a.Index(i), b.Index(i)); at != "" {
			return fmt.Sprintf(" [%d]%s", i, strings.TrimPrefix(at, " "))
		}
	}
	return ""
}

func lostKey(a, b reflect.Value) string {
	if a.Len() != b.Len() {
		return " "
	}
	for _, k := range a.MapKeys() {
		if k.Kind() == reflect.String && !utf8.ValidString(k.String()) {
			continue
		}
		if at := lost(a.MapIndex(k), b.MapIndex(k)); at != "" {
			return fmt.Sprintf(" [%v]%s", k, strings.TrimPrefix(at, " "))
		}
	}
	return ""
}

// sameJSON compares what has its own way of being written, or no fixed type,
// by what is written.
func sameJSON(a, b reflect.Value) bool {
	x, y := plain(a), plain(b)
	return x != nil && reflect.DeepEqual(x, y)
}

func plain(v reflect.Value) any {
	if !v.CanInterface() {
		return ""
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // 9007199254740993 and its float64 are not the same
	var out any
	if d.Decode(&out) != nil {
		return nil
	}
	return []any{out}
}
