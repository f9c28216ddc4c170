// Package service is what pkgd asks of the services of packages, whoever runs
// them.
//
// Its nouns: a [Unit] is one service of one revision of one package, ready to
// be run: absolute command, whole environment, cookie. A [Manager] runs units;
// there are two, the embedded supervisor (internal/service/supervisor) and
// systemd over D-Bus (internal/service/systemd). A [Status] is what a manager
// says of a service now, and an [Event] is what it says the moment something
// happened to one.
//
// Its rules: a service that fails is no error of Start, it is told by Status;
// there is never more than one instance of a service; the whole tree of a
// service ends with it; a manager does what it is asked and remembers nothing
// that pkgstate records (which services are enabled, which were running). Both
// managers pass one suite, internal/service/servicetest.
package service
