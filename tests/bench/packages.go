package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// hookText is the three-line hook of facts: what a careful author's smallest hook
// looks like.
const hookText = "#!/bin/sh\n# how the package fares\nctl set-health active\n"

// writeTree writes the files of a package tree: those below bin and hooks are
// executable.
func writeTree(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o755)
		if filepath.Ext(name) == ".yaml" {
			mode = 0o644
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			return err
		}
	}
	return nil
}

// packageName is the name of the nth package with a hook.
func packageName(n int) string { return fmt.Sprintf("package-%04d", n) }

// writePackages writes n packages that have the hook and nothing else. Their
// manifests get the lines.
func writePackages(folder string, n int, lines string) (trees []string, err error) {
	for i := range n {
		name := packageName(i)
		dir := filepath.Join(folder, name)
		err := writeTree(dir, map[string]string{
			"meta/pkg.yaml":           fmt.Sprintf("name: %s\nversion: \"1\"\nsummary: One of many\n%s", name, lines),
			"meta/hooks/check-health": hookText,
		})
		if err != nil {
			return nil, err
		}
		trees = append(trees, dir)
	}
	return trees, nil
}
