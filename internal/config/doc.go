// Package config reads the daemon's own configuration, etc/pkgd/pkgd.yaml.
//
// Its nouns are [Config], the values as the daemon uses them; [Listener], one
// place of the public listener; and [Schedule], when automatic refreshes happen.
// Its rule is the manifest's: what is written is either understood or refused
// with file, line, column and what would have been accepted, all problems at
// once; what is not written has the default that [Defaults] shows.
package config
