#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes a shell in which the DevStack plugin finds what it finds in stack.sh,
# without packages, systemd and clones. Environment:
#
#   WORK          directory below which all files go
#   REPOSITORY    ours
#   PROGRAMS      directory of our programs and of openstack
#   DEVSTACK_DIR  checkout of DevStack, whose function library is used then;
#                 without it functions.sh stands for what the plugin calls
#   ENABLED_SERVICES, SERVICE_HOST, KEYSTONE_URI and what else the plugin and
#   those functions read

here=$REPOSITORY/cloudmanager/tests/integration/devstack
mkdir -p "$WORK"/{opt,data,log,etc,run,apache/enabled}
export DEST=$WORK/opt DATA_DIR=$WORK/data
ln -sfn "$REPOSITORY" "$DEST/cloudmanager"
export PATH=$PROGRAMS:$PATH
export HOST_IP=$SERVICE_HOST DATABASE_HOST=127.0.0.1 MYSQL_HOST=127.0.0.1
export API_WORKERS=1 WORKER_TIMEOUT=80 SERVICE_TIMEOUT=${SERVICE_TIMEOUT:-90}
export SERVICE_PROTOCOL=http TEMPEST_CONFIG=$WORK/etc/tempest.conf

if [[ -n ${DEVSTACK_DIR:-} ]]; then
    source "$here/library.sh"
else
    source "$here/functions.sh"
fi
source "$here/replaced.sh"
