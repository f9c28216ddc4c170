#!/bin/sh
# Runs before pkgd is removed. An upgrade (dpkg says "upgrade", rpm counts 1)
# keeps it running until the new one takes over.
set -e

case "${1:-0}" in upgrade | 1) exit 0 ;; esac
[ -d /run/systemd/system ] || exit 0
systemctl disable --now --quiet pkgd.service pkgd.socket || true
# The services of packages belong to packages that nobody keeps any more.
for unit in $(systemctl list-units --all --plain --no-legend 'pkgd.*.service' | cut -d' ' -f1); do
	systemctl stop "$unit" || echo "pkgd: cannot stop $unit" >&2
done
