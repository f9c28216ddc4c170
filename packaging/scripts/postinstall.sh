#!/bin/sh
# Runs after pkgd was installed or upgraded, by dpkg and by rpm.
set -e

getent group pkgd >/dev/null || groupadd --system pkgd

# Not booted by systemd (a container image being built): nothing to start.
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl enable --quiet pkgd.service pkgd.socket
# The sockets cannot be systemd's while a pkgd that made its own runs.
systemctl is-active --quiet pkgd.service || systemctl start pkgd.socket || echo "pkgd: without socket activation" >&2
# After an upgrade the new pkgd takes over; what the packages run goes on.
systemctl restart pkgd.service || echo "pkgd: cannot start now; see: journalctl -u pkgd" >&2
