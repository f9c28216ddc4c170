package osutil

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// User is whom a process runs as.
type User struct {
	Name   string
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
	Home   string
}

// LookupUser finds a user by name or by number, with all groups.
func LookupUser(name string) (*User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if byID, errID := user.LookupId(name); errID == nil {
			u, err = byID, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find user %q: %w", name, err)
	}
	return fromOS(u)
}

func fromOS(u *user.User) (*User, error) {
	uid, err := id(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := id(u.Gid)
	if err != nil {
		return nil, err
	}
	names, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("cannot find the groups of user %q: %w", u.Username, err)
	}
	found := &User{Name: u.Username, UID: uid, GID: gid, Home: u.HomeDir}
	for _, name := range names {
		g, err := id(name)
		if err != nil {
			return nil, err
		}
		found.Groups = append(found.Groups, g)
	}
	return found, nil
}

func id(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("cannot read id %q: %w", s, err)
	}
	return uint32(n), nil
}

// credential is nil where no switch is needed; it always sets the groups.
func (u *User) credential() (*syscall.Credential, error) {
	if u == nil {
		return nil, nil
	}
	if os.Geteuid() == 0 {
		return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}, nil
	}
	if u.UID == uint32(os.Geteuid()) {
		return nil, nil
	}
	return nil, fmt.Errorf("cannot run as user %q: only root can, and this is user %d", u.Name, os.Geteuid())
}
