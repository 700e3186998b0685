#!/bin/sh
# Installs what the full tier of the tests needs, where it may: as root on Debian and its kin.
# Anywhere else it says what will be skipped.
set -eu

missing=""
[ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
command -v nft >/dev/null 2>&1 || missing="$missing nftables"
command -v mkfs.ext4 >/dev/null 2>&1 || missing="$missing e2fsprogs"
[ -x /lib/systemd/systemd ] || missing="$missing systemd"
command -v ps >/dev/null 2>&1 || missing="$missing procps"
command -v nsenter >/dev/null 2>&1 || missing="$missing util-linux"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
command -v csh >/dev/null 2>&1 || missing="$missing csh"
command -v fish >/dev/null 2>&1 || missing="$missing fish"

if [ "$(id -u)" != 0 ]; then
    echo "not root: tests of the full tier (marked 'full') are skipped" >&2
elif [ -n "$missing" ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the full tier:$missing" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    apt-get install -y -q --no-install-recommends $missing >/dev/null
elif [ -n "$missing" ]; then
    echo "no apt-get: tests that need$missing are skipped" >&2
fi
