#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# phase.sh MODE [PHASE]: runs one phase of the DevStack plugin, as stack.sh,
# unstack.sh or clean.sh would. setup.sh tells what it needs.

set -o errtrace
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set -o errexit
trap 'echo "failed at ${BASH_SOURCE[0]}:$LINENO: $BASH_COMMAND" >&2' ERR
source "$REPOSITORY/devstack/settings"
source "$REPOSITORY/devstack/plugin.sh" "$@"
