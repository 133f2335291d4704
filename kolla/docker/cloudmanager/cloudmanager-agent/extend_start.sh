#!/bin/bash

# Links for those programs that the host has, so that the agent knows what it
# can do there. After an installation on the host the container has to be
# restarted.
cloudmanager_link_programs() {
    local directory=/usr/local/host-programs program
    mkdir -p "$directory"
    for program in apt-get dmidecode dnf dpkg ip iscsiadm lsblk lscpu lspci \
        lvchange lvconvert lvmlockctl lvs multipath multipathd pvmove pvs \
        sanlock systemctl udevadm vgchange vgs; do
        if nsenter --target 1 --mount -- \
            sh -c 'command -v "$1"' sh "$program" >/dev/null; then
            ln -sf /usr/local/libexec/on_host "$directory/$program"
        else
            rm -f "$directory/$program"
        fi
    done
}

cloudmanager_link_programs
