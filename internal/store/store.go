package store

import (
	"context"
	"errors"
)

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
	Name() string
	// Find gives the highest version of a package in a channel ("" is stable).
	Find(ctx context.Context, name, channel string) (Entry, error)
	// Names lists the packages of all channels, sorted.
	Names(ctx context.Context) ([]string, error)
	// Fetch writes an entry's file to dst, whole or not at all.
	Fetch(ctx context.Context, e Entry, dst string) error
}

// OpenDir opens the store in a folder.
func OpenDir(dir string) (Store, error) { return nil, errors.New("draft") }
