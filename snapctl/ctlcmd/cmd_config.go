package ctlcmd

import (
	"encoding/json"
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/confdoc"
)

func (c *call) get() error {
	document, typed := c.line.has("document"), c.line.has("typed")
	if document && typed {
		return usagef("get: -d and -t exclude each other; usage: %s", c.line.command.Usage())
	}
	values, err := c.values()
	if err != nil {
		return err
	}
	if document || len(c.line.args) > 1 {
		return c.printDocument(values)
	}
	show := confdoc.Print
	if typed {
		show = confdoc.PrintJSON
	}
	c.printf("%s\n", show(values[c.line.args[0]]))
	return nil
}

// values looks up every key that was asked for; unset ones are left out.
func (c *call) values() (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	for _, key := range c.line.args {
		if err := confdoc.CheckKey(key); err != nil {
			return nil, err
		}
		value, set, err := c.backend.Config(c.hctx, key)
		if err != nil {
			return nil, err
		}
		if set {
			values[key] = value
		}
	}
	return values, nil
}

// printDocument prints values by the keys that were asked for, dots and all.
func (c *call) printDocument(values map[string]json.RawMessage) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(values); err != nil {
		return fmt.Errorf("cannot print configuration: %w", err)
	}
	c.stdout.WriteString(b.String())
	return nil
}

func (c *call) set() error {
	if c.line.has("string") && c.line.has("typed") {
		return usagef("set: -s and -t exclude each other; usage: %s", c.line.command.Usage())
	}
	patch := map[string]json.RawMessage{}
	for _, arg := range c.line.args {
		key, value, err := c.assignment(arg)
		if err != nil {
			return err
		}
		patch[key] = value
	}
	return c.backend.SetConfig(c.hctx, patch)
}

// assignment reads KEY=VALUE, or KEY! which unsets.
func (c *call) assignment(arg string) (key string, value json.RawMessage, err error) {
	key, typed, found := strings.Cut(arg, "=")
	if !found {
		unset, marked := strings.CutSuffix(arg, "!")
		if !marked {
			return "", nil, usagef("set: %q has no value; usage: %s", arg, c.line.command.Usage())
		}
		return unset, nil, confdoc.CheckKey(unset)
	}
	if err := confdoc.CheckKey(key); err != nil {
		return "", nil, err
	}
	value, err = c.parseValue(typed)
	if err != nil {
		return "", nil, fmt.Errorf("key %q: %w", key, err)
	}
	return key, value, nil
}

func (c *call) parseValue(s string) (json.RawMessage, error) {
	switch {
	case c.line.has("string"):
		return confdoc.String(s), nil
	case c.line.has("typed"):
		return confdoc.ParseJSON(s)
	}
	return confdoc.ParseValue(s), nil
}

func (c *call) unset() error {
	patch := map[string]json.RawMessage{}
	for _, key := range c.line.args {
		if err := confdoc.CheckKey(key); err != nil {
			return err
		}
		patch[key] = nil
	}
	return c.backend.SetConfig(c.hctx, patch)
}
