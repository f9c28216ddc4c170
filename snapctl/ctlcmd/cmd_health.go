package ctlcmd

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/api"
)

func (c *call) setHealth() error {
	l := c.line
	warning, err := c.backend.SetHealth(c.hctx, l.arg(0), l.value("code"), l.arg(1), l.options["blocker"])
	if err != nil {
		return err
	}
	c.warn(warning)
	return nil
}

func (c *call) addCheck() error {
	qos, err := c.qos()
	if err != nil {
		return err
	}
	data, err := c.data()
	if err != nil {
		return err
	}
	return c.backend.AddCheck(c.hctx, c.line.arg(0), c.line.arg(1), c.line.arg(2), qos, data)
}

// qos is the value of --qos, nil if it is not given.
func (c *call) qos() (*float64, error) {
	if !c.line.has("qos") {
		return nil, nil
	}
	qos, err := strconv.ParseFloat(c.line.value("qos"), 64)
	if err != nil || !(qos >= 0 && qos <= 1) {
		return nil, fmt.Errorf("qos %q is not valid: give a number from 0 to 1", c.line.value("qos"))
	}
	return &qos, nil
}

// data is what all --data options say together.
func (c *call) data() (map[string]string, error) {
	data := map[string]string{}
	for _, pair := range c.line.options["data"] {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return nil, fmt.Errorf("data %q is not valid: give KEY=VALUE", pair)
		}
		data[key] = value
	}
	if len(data) == 0 {
		return nil, nil
	}
	return data, nil
}

func (c *call) health() error {
	record := c.backend.Health(c.hctx.Package())
	switch format := c.line.value("format"); format {
	case "", "text":
		c.printRecord(record)
		return nil
	case "json":
		b, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("cannot print the record: %w", err)
		}
		c.printf("%s\n", b)
		return nil
	default:
		return fmt.Errorf("format %q is not known: use text or json", format)
	}
}

// printRecord shows a record as one "name: value" a line, without what is empty.
func (c *call) printRecord(r api.Record) {
	c.field("status", r.Status)
	c.field("code", r.Code)
	c.field("message", r.Message)
	c.field("since", stamp(r.Since))
	c.field("checked-at", stamp(r.CheckedAt))
	c.field("source", r.Source)
	c.field("blockers", strings.Join(r.Blockers, ", "))
	if r.QoS != nil {
		c.field("qos", strconv.FormatFloat(*r.QoS, 'g', -1, 64))
	}
	for _, check := range r.Checks {
		c.field("check", strings.TrimSpace(check.Name+" "+check.Health+" "+check.Message))
	}
}

func (c *call) field(name, value string) {
	if value != "" {
		c.printf("%s: %s\n", name, value)
	}
}

func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
