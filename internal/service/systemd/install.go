package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
)

// Left lists the unit files of packages' services on d's root: what systemd runs,
// or ran, for an earlier pkgd since the host was booted.
func Left(d dirs.Dirs) []string {
	files, _ := filepath.Glob(filepath.Join(defaultUnitDir, namesOf(d.Root).prefix+"*.service"))
	return files
}

// wantedBy is the target that enabled units are linked to.
const wantedBy = "multi-user.target"

func (m *Manager) unitFile(unit string) string { return filepath.Join(m.unitDir, unit) }
func (m *Manager) cookieFile(unit string) string {
	return filepath.Join(m.dirs.RunCookies(), unit+".env")
}

func (m *Manager) wantsLink(unit string) string {
	return filepath.Join(m.unitDir, wantedBy+".wants", unit)
}

// install writes what systemd needs to start a unit that is not up: its file,
// its link when it is enabled, and its cookie, which only root may read.
func (m *Manager) install(ctx context.Context, u service.Unit) error {
	l, err := m.bus.await(ctx)
	if err != nil {
		return err
	}
	unit := m.unitOf(u)
	if err := m.writeCookie(unit, u.Cookie); err != nil {
		return fmt.Errorf("cannot write the service's cookie: %w", err)
	}
	w := writer{names: m.names, dirs: m.dirs, version: l.version}
	changed, err := replaceFile(m.unitFile(unit), []byte(w.unitFile(u, m.cookieFile(unit))), 0o644)
	if err != nil {
		return fmt.Errorf("cannot write the unit file: %w", err)
	}
	if err := m.link(u, u.Enabled); err != nil {
		return err
	}
	if !changed {
		return nil
	}
	return m.bus.ask(ctx, func(l *link) error { return l.reloadWhereNeeded(ctx, unit) })
}

// reloadWhereNeeded has systemd read a file again whose old text it still holds,
// which it does only for a unit that it has loaded.
func (l *link) reloadWhereNeeded(ctx context.Context, unit string) error {
	stale, err := getProperty(ctx, l, unitPath(unit), unitIface, "NeedDaemonReload")
	if err != nil {
		return err
	}
	if yes, _ := stale.Value().(bool); !yes {
		return nil
	}
	return l.call(ctx, "Reload").Err
}

func (m *Manager) writeCookie(unit, cookie string) error {
	if err := os.MkdirAll(m.dirs.RunCookies(), 0o700); err != nil {
		return err
	}
	var text strings.Builder
	for _, kv := range service.CookieEnv(cookie) {
		text.WriteString(kv + "\n")
	}
	_, err := replaceFile(m.cookieFile(unit), []byte(text.String()), 0o600)
	return err
}

// replaceFile writes a file as a whole. It says whether one was there with
// another text. Nothing is synced: what is in /run does not outlive the kernel.
func replaceFile(path string, text []byte, mode fs.FileMode) (changed bool, err error) {
	old, err := os.ReadFile(path)
	switch {
	case err == nil && string(old) == string(text):
		return false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	changed = err == nil
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.WriteFile(tmp, text, mode); err != nil {
		return false, err
	}
	return changed, os.Rename(tmp, path)
}

// link makes a unit enabled or not.
func (m *Manager) link(u service.Unit, enabled bool) error {
	unit := m.unitOf(u)
	link := m.wantsLink(unit)
	if !enabled {
		return removeFile(link)
	}
	err := os.MkdirAll(filepath.Dir(link), 0o755)
	if err == nil {
		err = os.Symlink(filepath.Join("..", unit), link)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot enable the unit: %w", err)
	}
	return nil
}

// enabled says whether any revision of the service is.
func (m *Manager) enabled(e *entry) bool {
	links, _ := filepath.Glob(m.wantsLink(m.names.pattern(e.pkg, e.service)))
	return len(links) > 0
}

func (m *Manager) installed(u service.Unit) bool {
	_, err := os.Stat(m.unitFile(m.unitOf(u)))
	return err == nil
}

// uninstall removes all that install wrote.
func (m *Manager) uninstall(unit string) error {
	return errors.Join(removeFile(m.wantsLink(unit)), removeFile(m.unitFile(unit)), removeFile(m.cookieFile(unit)))
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readUnit gives the unit that a file of an earlier manager was made of.
func (m *Manager) readUnit(unit string) (service.Unit, error) {
	b, err := os.ReadFile(m.unitFile(unit))
	if err != nil {
		return service.Unit{}, err
	}
	u, ok := readNote(string(b))
	if !ok || m.unitOf(u) != unit {
		return service.Unit{}, errForeign
	}
	return u, nil
}
