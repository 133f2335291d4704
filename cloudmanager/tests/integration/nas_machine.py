# SPDX-License-Identifier: Apache-2.0
"""A machine of ``tools/nodevmlib.py`` that is a node and a storage in one.

The storage has three targets on two portals. The machine is booted once for
all tests of a process, and can reach the local RabbitMQ.
"""

import atexit
import functools
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / 'tools'))

import nodevmlib  # noqa: E402

PREFIX = 'iqn.2010-10.org.openstack:'
PASSWORD = 'correct-horse-12'
FIRST, SECOND = '10.9.0.2', '10.9.0.3'
RABBIT = ('127.0.0.1', 5672)
LIFETIME = 900
STORAGE = f"""\
set -e
ip link set lo up
ip address add {FIRST}/32 dev lo
ip address add {SECOND}/32 dev lo
echo InitiatorName=iqn.2026-01.org.example:node >/etc/iscsi/initiatorname.iscsi
iscsid
tgtd
tell() {{ tgtadm --lld iscsi "$@"; }}
until tell --mode target --op show >/dev/null 2>&1; do sleep 0.1; done
number=0
for name in plain closed empty; do
    number=$((number + 1))
    tell --mode target --op new --tid $number --targetname {PREFIX}$name
    tell --mode target --op bind --tid $number --initiator-address ALL
done
for number in 1 2; do
    truncate -s 64M /root/disk$number
    tell --mode logicalunit --op new --tid $number --lun 1 \\
        --backing-store /root/disk$number
done
tell --mode account --op new --user node --password {PASSWORD}
tell --mode account --op bind --tid 2 --user node
"""


def require(case):
    """Skip a class of tests when the machine cannot be made here."""
    lacking = nodevmlib.missing()
    if lacking:
        raise case.skipException(
            f'packages are missing: {", ".join(lacking)}')


@functools.cache
def get():
    """Return the machine."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-nas-'))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    machine = nodevmlib.Machine([], nodevmlib.build(), directory / 'vm',
                                lifetime=LIFETIME, reaches=RABBIT)
    atexit.register(machine.kill)
    machine.start()
    machine.use(str(ROOT), *nodevmlib.site_directories())
    machine.run('sh', '-c', STORAGE)
    return machine


def tidy():
    """Leave nothing of what was attached."""
    get().run('sh', '-c', 'multipath -F; iscsiadm -m node --logout; '
                          'iscsiadm -m node --op delete; '
                          'rm -rf /etc/multipath/conf.d/*; true')
