package bus

import (
	"encoding/json"
	"reflect"

	"github.com/godbus/dbus/v5"

	"pkgd.io/pkgd/internal/api"
)

// backlog is how many things may have happened that the bus was not told of yet.
const backlog = 256

// happening is one thing to tell: a transition or a change.
type happening struct {
	transition *api.Transition
	change     *api.Change
}

// onHealth and onEvent are called from within other rooms and must not wait.
func (b *Bus) onHealth(t api.Transition, _ api.Record) {
	select {
	case b.changed <- struct{}{}:
	default: // what is newest is sent anyway
	}
	b.queue(happening{transition: &t})
}

func (b *Bus) onEvent(ev api.Event) {
	if ev.Type != "change" {
		return
	}
	var chg api.Change
	if err := json.Unmarshal(ev.Data, &chg); err != nil {
		b.o.Log.Error("cannot tell the bus of a change", "err", err)
		return
	}
	b.queue(happening{change: &chg})
}

// queue drops the oldest when the queue is full.
func (b *Bus) queue(h happening) {
	for {
		select {
		case b.happens <- h:
			return
		default:
		}
		select {
		case <-b.happens:
		default:
		}
	}
}

// publisher sends signals over one connection and knows what it has sent.
type publisher struct {
	conn     *dbus.Conn
	objects  *objects
	packages Packages
	sent     map[dbus.ObjectPath]properties
}

func newPublisher(c *dbus.Conn, o *objects, p Packages) *publisher {
	pub := &publisher{conn: c, objects: o, packages: p, sent: map[dbus.ObjectPath]properties{}}
	for _, one := range o.all() {
		pub.sent[one.path] = one.properties
	}
	return pub
}

// properties tells which properties are other than when they were last sent.
func (p *publisher) properties() error {
	now := map[dbus.ObjectPath]properties{}
	for _, one := range p.objects.all() {
		now[one.path] = one.properties
		changed := one.properties.other(p.sent[one.path])
		if len(changed) == 0 {
			continue
		}
		err := p.conn.Emit(one.path, propertiesChangedName, one.iface, map[string]dbus.Variant(changed), []string{})
		if err != nil {
			return err
		}
	}
	p.sent = now
	return nil
}

// other are the properties that old has not, or has otherwise.
func (ps properties) other(old properties) properties {
	changed := properties{}
	for name, v := range ps {
		if was, ok := old[name]; !ok || !reflect.DeepEqual(was.Value(), v.Value()) {
			changed[name] = v
		}
	}
	return changed
}

// happened sends the signals of one happening, after the properties: who hears
// one may read them at once.
func (p *publisher) happened(h happening) error {
	if err := p.properties(); err != nil {
		return err
	}
	if t := h.transition; t != nil {
		return p.emit("HealthChanged", t.Package, uint32(t.Revision), t.From, t.To, t.Code, t.Message)
	}
	if err := p.emit("ChangeUpdated", h.change.ID, h.change.Status, h.change.Summary); err != nil {
		return err
	}
	if !h.change.Ready {
		return nil
	}
	return p.reverted(h.change.ID)
}

// reverted tells which refreshes a change took back, from and to the revisions of
// the refresh, with what the bad
// revision said.
func (p *publisher) reverted(id string) error {
	chg, err := p.packages.Change(id)
	if err != nil {
		return nil // forgotten meanwhile
	}
	for _, why := range chg.Outcomes {
		if why.Outcome != api.OutcomeReverted && why.Outcome != api.OutcomeRevertFailed {
			continue
		}
		var after api.Record
		if why.After != nil {
			after = *why.After
		}
		err := p.emit("RefreshReverted", why.Package, uint32(why.From), uint32(why.To), after.Code, after.Message)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) emit(signal string, values ...any) error {
	return p.conn.Emit(managerPath, managerInterface+"."+signal, values...)
}
