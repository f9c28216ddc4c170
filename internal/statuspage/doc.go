// Package statuspage is the page that people open to see how a host is: its
// level at a glance, a row for each package with the last 90 days as a bar, and
// what the last change did and why.
//
// Its nouns: a [Page] is served at the root of the public listener; a chronicle
// is what is known of one package's past, read from the disk in the background;
// a bar is the 90 days of it, cut into spans of one status; a view is what the
// template draws, made for what a caller may learn; the bell rings when there is
// something new, and a stream passes that on to a browser.
//
// Its rules: a request reads what lies ready, and meets neither lock nor disk;
// what a caller may not learn is left out when the view is made, so that neither
// template nor script can let it slip; nothing is told by colour alone, and the
// page says the same without JavaScript as with it; what may be out of date is
// never shown as if it were not.
package statuspage
