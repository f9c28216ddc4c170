package daemon

import "reflect"

// withLists is a copy of an answer in which lists and maps that are nil are
// empty: JSON has null for the one and [] for the other, and who asks for a list
// should get one. The original stays as it is, since others may be reading it.
func withLists(answer any) any {
	if answer == nil {
		return nil
	}
	return filled(reflect.ValueOf(answer)).Interface()
}

func filled(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(filled(v.Elem()))
		return p
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(filled(v.Field(i)))
			}
		}
		return c
	case reflect.Slice:
		return filledSlice(v)
	case reflect.Map:
		if v.IsNil() {
			return reflect.MakeMap(v.Type())
		}
	}
	return v
}

func filledSlice(v reflect.Value) reflect.Value {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return v // json.RawMessage is no list
	}
	c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	for i := range v.Len() {
		c.Index(i).Set(filled(v.Index(i)))
	}
	return c
}
