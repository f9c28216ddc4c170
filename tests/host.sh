#!/bin/sh
# pkgd, as stories see it that are about the host's own: "pkgd run" is its unit,
# which lives as long as this does. A death that this does not see coming is one
# of the daemon, too.
[ "$*" = run ] || exec /usr/bin/pkgd "$@"
log=$(journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
end() {
	systemctl stop pkgd.socket pkgd.service
	journalctl -q -o cat -u pkgd.service --after-cursor "$log" >&2
	exit "$1"
}
trap 'end 0' INT TERM
systemctl start pkgd.socket pkgd.service || end 1
# Whoever waits for this one waits for that one, too: it has our stderr.
# shellcheck disable=SC2016
setsid sh -c '
	tail -f --pid=$1 -s 0.02 /dev/null
	systemctl is-active -q pkgd.service || exit 0
	systemctl kill --kill-who=main -s KILL pkgd.service
	systemctl stop pkgd.socket pkgd.service' keeper $$ &
while :; do wait; done
