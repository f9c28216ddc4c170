// Package page opens the status page in a real Chromium. Its nouns: a house is a
// host whose packages' health a test sets, with the page served from it as the
// public listener does it; a scene is what a house is furnished with; a window is
// a tab of the one browser in one look: theme, size, with or without JavaScript,
// on paper, in forced colours.
//
// Its rules: what people see is tested as people see it, by what the browser has
// computed or tells a screen reader, never by reading the source; everything that
// is waited for has a deadline. What shuts people out is axe-core's to find, which
// the script axe fetches. Screenshots of every scene in every look are written to
// the folder that PKGD_SCREENSHOTS names, for people to look at.
package page
