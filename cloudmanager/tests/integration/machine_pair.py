# SPDX-License-Identifier: Apache-2.0
"""Two real machines that share a volume group, for many tests."""

from concurrent import futures
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / 'tools'))

import nodevmlib  # noqa: E402

INSIDE = 'cloudmanager.tests.integration.lvm_inside'
GROUP = 'shared-1'
SPACE = f'lvm_{GROUP}'
LEASES = '/dev/mapper/shared--1-lvmlock'
MIB = 1024 ** 2
SECONDS = 60
#: Seconds of sanlock's I/O timeout: a host renews its lease every two of
#: them, and is taken for dead by itself after some minutes.
IO_TIMEOUT = 2
NAMES = 'cmp1', 'cmp2'
#: Volumes of the group, and their sizes in MiB.
VOLUMES = {'alone': 64, 'both': 16, 'idle': 16}
_LIFETIME = 1200
# vgcreate writes all leases that there is room for, which takes long.
SET_UP = '''
sed -i "s/# *sanlock_lv_extend = 256/sanlock_lv_extend = 72/" /etc/lvm/lvm.conf
sed -i "s/# *use_lvmlockd = 0/use_lvmlockd = 1/" /etc/lvm/lvm.conf
sed -i "s/# *host_id = 0/host_id = {}/" /etc/lvm/lvmlocal.conf
'''
#: Starts what does not run.
DAEMONS = f'''
mkdir -p /run/systemd/system
if ! sanlock client status >/dev/null 2>&1; then
    sanlock daemon -w 0 -U root -G root
    until sanlock client status >/dev/null 2>&1; do sleep 0.1; done
fi
if ! lvmlockctl --info >/dev/null 2>&1; then
    lvmlockd -g sanlock -o {IO_TIMEOUT}
    until lvmlockctl --info >/dev/null 2>&1; do sleep 0.1; done
fi
'''
# The first try may come before udev has made the device of the leases.
_JOIN = f'''
for try in 1 2 3 4 5; do
    vgchange --quiet --lockstart {GROUP} && break
    udevadm settle
done || exit 1
'''
#: Gives up what the machine holds, if it can, and tells if it has left.
_DEACTIVATE = f'''{DAEMONS}
lvchange --activate n {GROUP} && sanlock client status | grep -q {SPACE}: &&
    vgchange --quiet --lockstart {GROUP} || echo left
'''
#: Stands in the place of libvirt: one guest, which runs while ``alone``, its
#: disk, is active.
_VIRSH = f'''\
#!/bin/sh
[ -e /dev/{GROUP}/alone ] || exit 0
cat <<END
17b15142-1123-409b-a645-64c739f7f506 web


Domain: 'web'
  state.state=1
  block.count=1
  block.0.name=vda
  block.0.path=/dev/{GROUP}/alone
END
'''
# Stands in the place of systemd, for the daemons of locks.
_SYSTEMCTL = f'''\
#!/bin/sh
drop_in=/run/systemd/system/lvmlockd.service.d/90-cloudmanager.conf
lvmlockd='/sbin/lvmlockd -o {IO_TIMEOUT} -g sanlock'
end() {{
    pid=$(pidof "$1") && kill $pid && while pidof "$1" >&2; do sleep 0.1; done
}}
begin() {{
    case $1 in
    sanlock)
        sanlock daemon -w 0 -U root -G root
        until sanlock client status >&2; do sleep 0.1; done ;;
    lvmlockd)
        if [ -f $drop_in ]; then
            $(sed -n 's/^ExecStartPre=-//p' $drop_in)
            lvmlockd=$(sed -n 's/^ExecStart=//p' $drop_in)
        fi
        $lvmlockd
        until lvmlockctl --info >&2; do sleep 0.1; done ;;
    esac
}}
unit=$(basename "$(eval echo \\$$#)" .service)
case $1 in
show) echo "ExecStart={{ path=/sbin/lvmlockd ; argv[]=$lvmlockd ; pid=0 }}"
      echo LoadState=loaded ;;
restart) end $unit; begin $unit ;;
stop) end $unit ;;
kill) pid=$(pidof $unit) && kill -9 $pid && while pidof $unit >&2; do
          sleep 0.1; done ;;
start) pidof $unit >&2 || begin $unit ;;
esac
exit 0
'''


def forget(host_id, machine, other):
    """Have what a machine was before not keep it from joining.

    Otherwise it waits for its own lease for more than a minute.
    """
    machine.run('lvmlockctl', '--drop', GROUP, check=False)
    other.run('sanlock', 'direct', 'release_id', '-s',
              f'{SPACE}:{host_id}:{LEASES}:0', check=False)


class Pair:
    """Machines ``cmp1`` and ``cmp2``, and the group that they share.

    The first has volume ``alone`` for itself, both have ``both``, and
    nobody has ``idle``.
    """

    def __init__(self):
        self._directory = pathlib.Path(tempfile.mkdtemp())
        self._disk = self._directory / 'disk'
        root = nodevmlib.build()
        self.machines = [
            nodevmlib.Machine([self._disk], root, self._directory / name,
                              shared=True, name=name, lifetime=_LIFETIME)
            for name in NAMES]
        self._is_known = False

    def end(self):
        """Pull both plugs; nothing is left."""
        self._kill()
        shutil.rmtree(self._directory)

    def restore(self):
        """Have each volume where it belongs, whatever a test has left.

        The machines are made anew only when there is no other way.
        """
        if self._is_known:
            try:
                self._activate()
            except nodevmlib.MachineError:
                self._is_known = False
        if not self._is_known:
            self._make()
            self._activate()
            self._is_known = True

    def _make(self):
        self._kill()
        with self._disk.open('wb') as stream:
            stream.truncate(512 * MIB)
        self._both(self._boot, (1, 2))
        self._both(lambda machine, make: make(machine),
                   (self._make_group, self._load))
        # The second one joins meanwhile, which takes long, too.
        self._both(lambda machine, make: make(machine),
                   (self._make_volumes, self.join))

    def _both(self, function, *arguments):
        """Call a function for both machines at once; return the results."""
        with futures.ThreadPoolExecutor() as pool:
            return list(pool.map(function, self.machines, *arguments))

    @staticmethod
    def _make_group(machine):
        machine.run('vgcreate', '--shared', '--quiet', GROUP, '/dev/ubdb',
                    timeout=SECONDS)

    @staticmethod
    def _make_volumes(machine):
        for name, size in VOLUMES.items():
            machine.run('lvcreate', '--quiet', '--yes', '--wipesignatures',
                        'n', '--activate', 'n', '--size', f'{size}m',
                        '--name', name, GROUP)

    @staticmethod
    def _load(machine):
        """Have the agent's modules loaded, which takes long."""
        machine.call(f'{INSIDE}:operation', name='locks.report',
                     arguments={'group': GROUP})

    def _kill(self):
        for machine in self.machines:
            machine.kill()

    @staticmethod
    def _boot(machine, host_id):
        machine.start()
        machine.run('sh', '-c', SET_UP.format(host_id) + DAEMONS)
        for name, text in (('virsh', _VIRSH), ('systemctl', _SYSTEMCTL)):
            machine.run('sh', '-c', f'cat >/usr/bin/{name} <<"E"\n{text}E\n'
                                    f'chmod 755 /usr/bin/{name}')
        machine.use(str(ROOT), *nodevmlib.site_directories())

    @staticmethod
    def join(machine):
        """Have a machine join the lockspace of the group."""
        machine.run('sh', '-c', _JOIN, timeout=SECONDS)

    def _activate(self):
        one, two = self.machines
        left = self._both(self._deactivate)
        for host_id, machine, other in ((1, one, two), (2, two, one)):
            if left[host_id - 1]:
                forget(host_id, machine, other)
                self.join(machine)
                machine.run('lvchange', '--activate', 'n', GROUP)
        self._both(lambda machine, volumes: machine.run(
            'sh', '-ec', '\n'.join(
                f'lvchange --activate {how} {GROUP}/{name}'
                for name, how in volumes.items())),
            ({'alone': 'ey', 'both': 'sy'}, {'both': 'sy'}))

    @staticmethod
    def _deactivate(machine):
        """Have a machine hold nothing; tell whether it is to join."""
        if not machine.is_on:
            machine.start()
        return 'left' in machine.run('sh', '-c', _DEACTIVATE,
                                     check=False).split()
