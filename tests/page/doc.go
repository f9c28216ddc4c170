// Package page opens the status page in a real Chromium. Its nouns: a house is a
// host whose packages' health a test sets, with the page served from it as the
// public listener does it; a window is a tab of the browser in one theme and
// size, with or without JavaScript.
//
// Its rule: what people see is tested as people see it, by what the browser has
// computed, never by reading the source. Screenshots of every theme and size are
// written to the folder that PKGD_SCREENSHOTS names, for people to look at.
package page
