#!/bin/bash

log=/var/log/kolla/cloudmanager
[[ -d $log ]] || mkdir -p "$log"
[[ $(stat -c %a "$log") == 755 ]] || chmod 755 "$log"

. /usr/local/bin/kolla_cloudmanager_extend_start
