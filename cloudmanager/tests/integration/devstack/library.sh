#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Loads DevStack's own function library, without asking the distribution and
# the network for what stackrc wants to know.

TOP_DIR=$DEVSTACK_DIR
export TOP_DIR FILES=$DEVSTACK_DIR/files
source "$TOP_DIR/functions" >/dev/null
trap - ERR
set +o errexit +o nounset
GetDistro() {
    DISTRO=bookworm os_VENDOR=Debian os_RELEASE=12 os_CODENAME=bookworm
    os_PACKAGE=deb
    export DISTRO os_VENDOR os_RELEASE os_CODENAME os_PACKAGE
}
_services=$ENABLED_SERVICES
_region=$REGION_NAME
_data=$DATA_DIR _dest=$DEST
source "$TOP_DIR/stackrc" >/dev/null 2>"$WORK/log/stackrc"
# stackrc sets these for a user stack.
DEST=$_dest DATA_DIR=$_data STACK_USER=$(id -un)
SERVICE_DIR=$WORK/run ENABLED_SERVICES=$_services REGION_NAME=$_region
declare -Ag GITREPO GITBRANCH GITDIR
for _lib in database rpc_backend apache tls infra libraries keystone nova \
        cinder glance placement; do
    source "$TOP_DIR/lib/$_lib" >/dev/null 2>>"$WORK/log/stackrc"
done
KEYSTONE_SERVICE_URI=$KEYSTONE_URI
DATABASE_TYPE=mysql
BASE_SQL_CONN=mysql+pymysql://$DATABASE_USER@127.0.0.1
MYSQL_GATHER_PERFORMANCE=False
