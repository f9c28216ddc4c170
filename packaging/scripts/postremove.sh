#!/bin/sh
# Runs after pkgd was removed. Packages and their data stay until the purge.
set -e

[ ! -d /run/systemd/system ] || systemctl daemon-reload
case "${1:-0}" in remove | purge | 0) rm -rf /run/pkgd ;; esac
if [ "${1:-}" = purge ]; then
	rm -rf /var/lib/pkgd /var/cache/pkgd /var/log/pkgd /etc/pkgd
fi
