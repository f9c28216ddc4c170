// Package store is where packages come from by name.
//
// Its nouns: a [Store] offers packages, an [Entry] is one version of one package
// in one channel. The first kind of store is a folder of .pkg files, see
// [OpenDir]. Its rule: a store is never trusted to be right about what it holds:
// what it offers is checked against the content's own manifest, and what cannot
// be taken is passed over with a reason that a person gets to see.
package store

import (
	"context"
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/pkginfo"
)

// DefaultChannel is meant where no channel is named.
const DefaultChannel = "stable"

// Entry is one package that a store offers.
type Entry struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Channel string   `json:"channel"`
	Path    string   `json:"path"`              // of the file, where the store is on this host
	Store   string   `json:"store"`             // the store's name
	Skipped []string `json:"skipped,omitempty"` // newer files that could not be taken, and why
}

// Store is where packages come from by name.
type Store interface {
	// Name tells one store from another in messages and records.
	Name() string

	// Find gives the highest version of a package in a channel ("" is
	// [DefaultChannel]). Where there is none the error is a *NotFoundError.
	Find(ctx context.Context, name, channel string) (Entry, error)

	// Names lists the packages of all channels, sorted.
	Names(ctx context.Context) ([]string, error)

	// Fetch copies an entry's file to dst, whole or not at all. What is in it
	// is still to be verified.
	Fetch(ctx context.Context, e Entry, dst string) error
}

// NotFoundError says that a store has no such package or channel.
type NotFoundError struct {
	Store, Name, Channel string
	Known                []string // packages there; or channels, when it is the channel that is not there
	NoChannel            bool
	Skipped              []string // files that might have been it, and why not
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	wanted := e.Name
	if e.NoChannel {
		fmt.Fprintf(&b, "store %s has no channel %q", e.Store, e.Channel)
		wanted = e.Channel
	} else {
		fmt.Fprintf(&b, "store %s has no package %q in channel %q", e.Store, e.Name, e.Channel)
	}
	if near := pkginfo.Nearest(wanted, e.Known); near != "" && near != wanted {
		fmt.Fprintf(&b, "; did you mean %q?", near)
	}
	for _, reason := range e.Skipped {
		b.WriteString("; passed over: " + reason)
	}
	return b.String()
}
