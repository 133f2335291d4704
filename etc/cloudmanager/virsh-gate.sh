#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the account of CloudManager may do on a hypervisor with libvirt: run
# six subcommands of virsh, and nothing else. Install it there, owned by
# root, for example as /usr/local/sbin/virsh-gate, and make it the only
# command of the account, by a line in its authorized_keys
#
#   restrict,command="/usr/local/sbin/virsh-gate" ssh-ed25519 AAAA...
#
# or, for a password, by ForceCommand in a Match block of sshd_config.
# The connection to libvirt is this one, whatever was asked for:
URI=qemu:///system

# Names of domains that may be switched, as patterns of the shell.
DOMAINS='*'

set -fu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

refuse() {
    echo 'This account may not do that.' >&2
    exit 126
}

# No shell sees the request: it is cut into words, and each of them compared.
# shellcheck disable=SC2086
set -- ${SSH_ORIGINAL_COMMAND-}
[ $# -eq 11 ] || refuse
[ "$1 $2 $3 $5 $6 $7" = 'env LC_ALL=C timeout virsh --quiet --connect' ] ||
    refuse
seconds=$4
shift 8
case $seconds in *[!0-9]* | ?????*) refuse ;; esac
case $1 in
list)
    [ "$2 $3" = '--all --name' ] || refuse
    ;;
domstate | start | shutdown | destroy | reset)
    [ "$2" = --domain ] || refuse
    case $3 in
    *[!A-Za-z0-9_.:+@-]* | -* | '') refuse ;;
    esac
    # shellcheck disable=SC2254
    case $3 in
    $DOMAINS) ;;
    *) refuse ;;
    esac
    ;;
*)
    refuse
    ;;
esac
exec env LC_ALL=C timeout "$seconds" virsh --quiet --connect "$URI" "$@"
