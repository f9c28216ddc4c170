package pkgstate

import (
	"encoding/json"
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/store"
	"pkgd.io/pkgd/overlord/state"
)

// setup is what the tasks of one package's lane need to know. It is made by the
// request, completed by verify-package and kept on the change, key setup/NAME.
type setup struct {
	Kind        string       `json:"kind"` // install, refresh, revert, remove, configure, services
	Package     string       `json:"package"`
	Path        string       `json:"path,omitempty"`  // the admin's file or folder
	Entry       *store.Entry `json:"entry,omitempty"` // what a store offered
	Channel     string       `json:"channel,omitempty"`
	Digest      string       `json:"digest,omitempty"`
	From        int          `json:"from"`
	To          int          `json:"to"`
	FromVersion string       `json:"from-version,omitempty"`
	ToVersion   string       `json:"to-version,omitempty"`
	DataFrom    int          `json:"data-from,omitempty"` // revision whose data the new one starts with
	NoRevert    bool         `json:"no-revert,omitempty"`
	Purge       bool         `json:"purge,omitempty"`
	Together    bool         `json:"together,omitempty"` // --transaction=all
	Lane        int          `json:"lane"`
	Stage       string       `json:"stage,omitempty"`   // name of the private copy of the content
	OnDisk      bool         `json:"on-disk,omitempty"` // revision To was there before this change
}

// story is what a lane finds out on its way, key story/NAME on the change. It
// ends as api.Why.
type story struct {
	Before       *api.Record     `json:"before,omitempty"`
	After        *api.Record     `json:"after,omitempty"`
	Restored     *api.Record     `json:"restored,omitempty"`
	Rule         string          `json:"rule,omitempty"`
	Outcome      string          `json:"outcome,omitempty"` // as decided; the lane's end may say otherwise
	Revert       bool            `json:"revert,omitempty"`  // the verdict takes the refresh back
	Unwell       bool            `json:"unwell,omitempty"`  // the restored revision is not well
	WantsPerson  bool            `json:"wants-person,omitempty"`
	HookOutput   []byte          `json:"hook-output,omitempty"`
	Runs         int             `json:"runs,omitempty"`
	Linked       bool            `json:"linked,omitempty"`     // the switch has begun
	Deaths       int             `json:"deaths,omitempty"`     // unasked, between switch and verdict
	Previous     *packageState   `json:"previous,omitempty"`   // as it was before the switch
	OldConfig    json.RawMessage `json:"old-config,omitempty"` // of revision To, when it had one
	Down         *osutil.Moment  `json:"down,omitempty"`       // since when no services run
	Downtime     time.Duration   `json:"downtime,omitempty"`
	WereUp       []string        `json:"were-up,omitempty"` // services that ran before the switch
	DataRestored bool            `json:"data-restored,omitempty"`
	DataShared   bool            `json:"data-shared,omitempty"`
	SetAside     string          `json:"set-aside,omitempty"`
	MadeData     bool            `json:"made-data,omitempty"`   // the new revision's data folder is this change's
	MadeCommon   bool            `json:"made-common,omitempty"` // and so is the common one
	OldAside     string          `json:"old-aside,omitempty"`   // what lay where the new data had to go
	RefusedUntil *time.Time      `json:"refused-until,omitempty"`
	Aborted      bool            `json:"aborted,omitempty"`
	Warning      string          `json:"warning,omitempty"` // of what failed and stopped nothing
}

func setupKey(name string) string { return "setup/" + name }
func storyKey(name string) string { return "story/" + name }

// taskPackage names the package that a task works on.
func taskPackage(t *state.Task) string {
	var name string
	if err := t.Get("package", &name); err != nil {
		return ""
	}
	return name
}

// taskSetup reads the setup of a task's lane. The state is locked.
func taskSetup(t *state.Task) (*setup, error) {
	var s setup
	if err := t.Change().Get(setupKey(taskPackage(t)), &s); err != nil {
		return nil, fmt.Errorf("internal error: task %s has no setup: %w", t.ID(), err)
	}
	return &s, nil
}

// changeStory reads a package's story from a change, an empty one at its start.
// The state is locked.
func changeStory(chg *state.Change, name string) *story {
	var s story
	if err := chg.Get(storyKey(name), &s); err != nil {
		return &story{}
	}
	return &s
}

// read gives a handler its setup and story.
func (m *Manager) read(t *state.Task) (*setup, *story, error) {
	m.st.Lock()
	defer m.st.Unlock()
	s, err := taskSetup(t)
	if err != nil {
		return nil, nil, err
	}
	return s, changeStory(t.Change(), s.Package), nil
}

// tell lets f add to the story; the state is locked while it runs, and what it
// says is on disk when tell returns.
func (m *Manager) tell(t *state.Task, f func(*story)) {
	m.st.Lock()
	defer m.st.Unlock()
	m.tellLocked(t, f)
}

func (m *Manager) tellLocked(t *state.Task, f func(*story)) {
	name := taskPackage(t)
	s := changeStory(t.Change(), name)
	f(s)
	t.Change().Set(storyKey(name), s)
}

// result notes in a few words what a task came to, for the progress display.
func (m *Manager) result(t *state.Task, format string, args ...any) {
	m.st.Lock()
	defer m.st.Unlock()
	t.Set("result", fmt.Sprintf(format, args...))
}
