// Package overlord puts pkgd together: it opens the state, builds the managers
// in the order in which they lean on each other, and turns the loop that lets
// each of them look at what there is to do.
//
// Its nouns: the [Overlord] owns everything; a manager is anything with Ensure;
// the loop is one goroutine that calls Ensure on all managers when it is time,
// and whose last turn is what liveness is judged by.
//
// Its rule: this is the one place that knows them all. Managers do not call up.
package overlord
