# SPDX-License-Identifier: Apache-2.0
"""Stands in the place of sanlock of a node, in the form of its reports."""

import json

from cloudmanager.agent import commands
from cloudmanager.common import exception

GROUP, GROUP_UUID = 'vol', 'OxwxI7-Y2wv-h6Gr-3Nr2-hGR4-Khqq-0dWsd3'
LEASES_UUID = 'kVu0Mq-Tr2c-9bXe-UnXz-4vFd-QmLs-s1Yp7a'
ID = '86f4f3c9-9e6a-49f1-9a67-71a835d077c'
BASE = 67 * 1024 ** 2
IO_TIMEOUT = 2


def lock_uuid(number):
    return f'axqjh7-91Xc-hgjk-lIVj-Yg2E-n6bR-{number:06}'


class Host:
    """A host of the lockspace; the newest of its generations counts."""

    def __init__(self, name):
        self.name, self.generation = name, 1
        self.timestamp = self.seen = 1000
        self.seen_at = 5000
        self.status = 'LIVE'


class FakeSanlock:
    """A group whose locks this node, which has the id 2, shares.

    :ivar hosts: by id
    :ivar held: volumes, each with who holds it: id, generation, exclusively
    :ivar active: volumes that are active on this node
    :ivar guests: names of guests, each with its volume
    :ivar guest_state: of all of them, as libvirt numbers it
    :ivar options: with which lvmlockd is started
    :ivar runs_lvmlockd: whether it runs and has joined the group
    :ivar is_stale: whether it thinks so though sanlock has not joined
    :ivar other_spaces: lockspaces of others that sanlock has joined
    :ivar takes_over: whether it takes over locks when it is started
    :ivar ran: commands that changed something
    :ivar leases: what LVM names the volume of leases, which is active, too
    :ivar on_run: called with the words of each command before it is run
    """

    def __init__(self):
        self.hosts = {1: Host(f'{ID}1.cmp1'), 2: Host(f'{ID}2.stor1')}
        self.held = {'one': [(1, 1, True)], 'two': [(1, 1, False),
                                                    (2, 1, False)]}
        self.orphans = []
        self.ran = []
        self.is_away, self.is_joined = False, True
        self.active, self.guests, self.guest_state = [], {}, 1
        self.options = '-o 2'
        self.is_libvirt_away = False
        self.runs_lvmlockd, self.takes_over = True, True
        self.is_stale, self.other_spaces = False, []
        self.space = {}
        self.kind, self.leases = 'sanlock', '[lvmlock]'
        self.on_run = lambda words: None

    def uuid(self, volume):
        return lock_uuid(sorted(self.held).index(volume))

    def offset(self, volume):
        return BASE + sorted(self.held).index(volume) * 1024 ** 2

    def silence(self, host_id, seconds):
        """Let a host not renew its lease for so long."""
        self.hosts[host_id].seen_at = 5000 - seconds
        self.hosts[host_id].status = 'FAIL' if seconds > 15 else 'LIVE'

    def come_back(self, host_id):
        host = self.hosts[host_id]
        host.generation += 1
        host.timestamp = host.seen = 7
        host.seen_at, host.status = 5000, 'LIVE'

    def run(self, *words, timeout=None, codes=(0,)):
        self.on_run(words)
        program = '_'.join(words[:3] if words[0] == 'sanlock' else words[:1])
        if program == 'lvmlockctl' and not self.runs_lvmlockd:
            raise exception.CommandFailed(
                program='lvmlockctl',
                reason='status 255: Cannot connect to lvmlockd.')
        return commands.Result(0, getattr(self, f'_{program}')(*words), '')

    def devices(self):
        """Return active devices, as ``lock_state`` reads them."""
        ids = {name: self.uuid(name) for name in self.active}
        return {'LVM-' + (GROUP_UUID + own_id).replace('-', ''): name
                for name, own_id in {**ids, 'lvmlock': LEASES_UUID}.items()}

    def _virsh(self, *words):
        if self.is_libvirt_away:
            raise exception.CommandFailed(program='virsh',
                                          reason='status 1: ')
        lines = [f'{number:08}-1123-409b-a645-64c739f7f506 {name}'
                 for number, name in enumerate(self.guests)]
        for name, volume in self.guests.items():
            lines += [f"Domain: '{name}'",
                      f'  state.state={self.guest_state}',
                      '  block.count=1', '  block.0.name=vda',
                      f'  block.0.path=/dev/{GROUP}/{volume}']
        return '\n'.join(lines)

    def space_is_fine(self):
        """Have this node renew its lease as it should."""
        self.space = {}

    def kill_lvmlockd(self, *orphans):
        self.runs_lvmlockd, self.orphans = False, list(orphans)

    def _lvmlockctl(self, *words):
        if words[1] == '--drop':
            self.ran.append(words)
            self.is_stale = False
            return ''
        if not self.is_joined and not self.is_stale:
            return ''
        return (f'VG {GROUP} lock_type=sanlock {GROUP_UUID}\n'
                f'LS sanlock lvm_{GROUP}\nLK VG un ver 0\n')

    def _sanlock_client_set_config(self, *words):
        self.ran.append(words)
        return 'set_config done 0'

    def _sanlock_client_rem_lockspace(self, *words):
        self.ran.append(words)
        self.is_joined, self.orphans = False, []
        return 'rem_lockspace done 0'

    def _vgchange(self, *words):
        self.ran.append(words)
        self.is_joined = True
        self.come_back(2)
        return ''

    def _systemctl(self, *words):
        if words[1] == 'show':
            unit = 'not-found' if 'wdmd.service' in words else 'loaded'
            return (f'LoadState={unit}\n'
                    'ExecStart={ path=/sbin/lvmlockd ; argv[]=/sbin/lvmlockd '
                    f'--foreground {self.options} ; ignore_errors=no ; '
                    'start_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }')
        self.ran.append(words)
        if words[-1] == 'lvmlockd.service':
            self.runs_lvmlockd = words[1] not in ('kill', 'stop')
        elif words[-1] == 'sanlock.service':
            self.is_away = words[1] == 'stop'
        if words[1] == 'restart' and self.takes_over:
            self.runs_lvmlockd = True
            self.orphans = [name for name in self.orphans
                            if name not in self.active]
        return ''

    @staticmethod
    def _json(name, rows):
        return json.dumps({'report': [{name: rows}]})

    def _lvs(self, *words):
        group = {'vg_name': GROUP, 'vg_uuid': GROUP_UUID,
                 'vg_lock_type': self.kind, 'vg_lock_args': '1.0.0:lvmlock'}
        return self._json('lv', [
            {'vg_name': 'local', 'vg_uuid': 'l', 'vg_lock_type': '',
             'vg_lock_args': '', 'lv_name': 'root', 'lv_uuid': 'r',
             'lv_lockargs': ''},
            {**group, 'lv_name': self.leases, 'lv_uuid': LEASES_UUID,
             'lv_lockargs': ''},
            *({**group, 'lv_name': name, 'lv_uuid': self.uuid(name),
               'lv_lockargs': f'1.0.0:{self.offset(name)}'}
              for name in self.held)])

    def _refuse(self):
        if self.is_away:
            raise exception.CommandFailed(program='sanlock',
                                          reason='status 1: ')

    def _sanlock_client_status(self, *words):
        self._refuse()
        lines = ['daemon 25715646.stor1', '    monotime=5000',
                 'p 747 lvmlockd']
        if self.is_joined:
            fields = {'io_timeout': IO_TIMEOUT, 'sector_size': 512,
                      'align_size': 1048576, 'renew_fail': 0,
                      'space_dead': 0, 'killing_pids': 0,
                      'renewal_last_result': 1, **self.space}
            lines += [f's {name}:2:/x:0' for name in self.other_spaces]
            lines.append(f's lvm_{GROUP}:2:/dev/mapper/{GROUP}-lvmlock:0')
            lines += [f'    {name}={value}'
                      for name, value in fields.items()]
        lines += [f'r lvm_{GROUP}:{self.uuid(name)}:/dev/mapper/{GROUP}-'
                  f'lvmlock:{self.offset(name)}:SH p 0 ORPHAN'
                  for name in self.orphans]
        return '\n'.join(lines)

    def _sanlock_client_gets(self, *words):
        self._refuse()
        return '\n'.join([
            f's lvm_{GROUP}:2:/dev/mapper/{GROUP}-lvmlock:0 ',
            *(f'h {key} gen {host.generation} timestamp {host.seen} '
              f'{host.status}' for key, host in self.hosts.items())])

    def _sanlock_client_host_status(self, *words):
        lines = []
        for key, host in self.hosts.items():
            lines.append(f'{key} timestamp {host.seen}')
            lines += [f'    {name}={value}' for name, value in {
                'last_check': 5000, 'last_live': host.seen_at,
                'owner_id': key, 'owner_generation': host.generation,
                'timestamp': host.seen, 'io_timeout': IO_TIMEOUT,
                'owner_name': host.name}.items()]
        return '\n'.join(lines)

    def _sanlock_direct_dump(self, *words):
        _, offset, size = words[3].split(':')
        first, last = int(offset), int(offset) + int(size)
        lines = ['  offset   lockspace   resource  timestamp  own  gen lver']
        if first == 0:
            lines += [f'{key * 512 - 512:08} lvm_{GROUP} {host.name} '
                      f'{host.timestamp:010} {key:04} {host.generation:04}'
                      for key, host in self.hosts.items()]
        for name, holders in sorted(self.held.items()):
            if not first <= self.offset(name) < last:
                continue
            alone = [holder for holder in holders if holder[2]]
            key, generation = alone[0][:2] if alone else (0, 0)
            lines.append(
                f'{self.offset(name):08} lvm_{GROUP} {self.uuid(name)} '
                f'{5 if alone else 0:010} {key:04} {generation:04} 1')
            lines += [f'{" " * 80}{key:04} {generation:04} SH'
                      for key, generation, is_alone in holders
                      if not is_alone]
        return '\n'.join(lines)

    def _sanlock_direct_release_id(self, *words):
        self.ran.append(words)
        self.hosts[int(words[4].split(':')[1])].timestamp = 0
        return 'release_id done 0'
