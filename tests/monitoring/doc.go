// Package monitoring has the tools that watch machines watch a real pkgd. Its
// nouns: a host is a pkgd with packages whose health a test decides; a page is a
// how-to page of the documentation, with its blocks of configuration and its
// steps, which are commands with what they print.
//
// Its rule: what a page shows is what runs. A test takes a tool's configuration
// out of the page, puts other addresses,
// paths and, where waiting would teach nothing, shorter times into it, and
// nothing else. A block that no test takes is an error.
package monitoring
