# SPDX-License-Identifier: Apache-2.0
"""open-iscsi, multipath and storages that are not there.

Statuses, records and what of them is where are as open-iscsi 2.1.8 has them;
``test_nas`` of the integration tests holds the same against the real ones.
"""

import pathlib
import re

from cloudmanager.agent import commands
from cloudmanager.agent.nas import iscsi as agent_iscsi
from cloudmanager.common import exception
from cloudmanager.domain import iscsi

RECORD = '''\
# BEGIN RECORD 2.1.8
node.name = {target}
node.startup = manual
node.session.initial_login_retry_max = 8
node.session.auth.authmethod = None
node.session.auth.chap_algs = MD5
node.conn[0].address = {host}
node.conn[0].startup = manual
# END RECORD
'''
DISCOVERY = '''\
# BEGIN RECORD 2.1.8
discovery.sendtargets.address = {host}
discovery.sendtargets.auth.authmethod = None
# END RECORD
'''


class Killed(BaseException):
    """The agent dies."""


class FakeISCSI:
    """Programs, the kernel, and storages.

    :ivar targets: names of disks by the full name of a target
    :ivar portals: that take connections
    :ivar accounts: name and password that a target asks for, by its name;
        by ``None`` those of a discovery
    :ivar calls: words of all commands
    :ivar die_at: number of the change at which the agent is killed, before
        it has an effect, or after it when it is negative
    """

    def __init__(self, directory):
        self.database = directory / 'iscsi'
        self.sysfs = directory / 'sys'
        self.sysfs.mkdir()
        self.targets, self.accounts = {}, {}
        self.portals = {iscsi.portal('10.0.0.2'), iscsi.portal('10.0.0.3')}
        self.calls, self.sessions = [], {}
        self.number = 0
        self.die_at, self.changes = None, 0
        self.paths_joined = []
        # Whether udev has identified the disks of the last login.
        self.is_settled = True

    def use(self, test):
        for name, value in (('cloudmanager.agent.commands.run', self.run),
                            ('cloudmanager.agent.nas.iscsi.probe',
                             self.probe),
                            ('cloudmanager.agent.nas.iscsi.SESSIONS',
                             self.sysfs)):
            test.patch(name, value)
        test.config(group='nas', iscsi_directories=[str(self.database)])

    # What it is asked

    def probe(self, portal):
        if portal not in self.portals:
            raise exception.Unavailable(
                reason=f'Portal {portal} takes no connection: refused.')

    def run(self, *words, timeout=None, codes=(0,)):
        commands._check(words)
        self.calls.append(words)
        code, out = getattr(self, f'_{words[0]}')(list(words[1:]))
        if codes is not None and code not in codes:
            raise exception.CommandFailed(program=words[0],
                                          reason=f'status {code}')
        return commands.Result(code, out, '')

    def _change(self, function):
        self.changes += 1
        if self.changes == self.die_at:
            raise Killed()
        found = function()
        if self.changes == -(self.die_at or 0):
            raise Killed()
        return found

    def _iscsiadm(self, words):
        options = dict(zip(words[::2], words[1::2], strict=False))
        mode = options['--mode']
        if mode == 'session':
            return self._list()
        portal = iscsi.portal(options['--portal'])
        if mode == 'discoverydb':
            return self._discovery(portal, words, options.get('--op'))
        path = iscsi.Path(portal, options['--targetname'])
        verb = (options.get('--op') or next(
            (word for word in words if word in ('--login', '--logout')),
            'show')).strip('-')
        return getattr(self, f'_node_{verb}')(path)

    def _list(self):
        if not self.sessions:
            return 21, 'iscsiadm: No active sessions.'
        return 0, ''.join(
            f'tcp: [{number}] {path.portal.address},1 {path.target} '
            '(non-flash)\n' for path, number in self.sessions.items())

    # Records

    def record(self, path):
        return (self.database / 'nodes' / path.target
                / f'{path.portal.host},{path.portal.port}')

    def _discovery_record(self, portal):
        return (self.database / 'send_targets'
                / f'{portal.host},{portal.port}' / 'st_config')

    @staticmethod
    def _write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_text(text)

    @staticmethod
    def options_of(path):
        return dict(re.findall('^([^#=]+) = (.*)$', path.read_text(), re.M))

    def _node_show(self, path):
        return (0, '') if self.record(path).exists() else (21, 'no records')

    def _node_new(self, path):
        self._change(lambda: self._write(self.record(path), RECORD.format(
            target=path.target, host=path.portal.host)))
        return 0, ''

    def _node_delete(self, path):
        if not self.record(path).exists():
            return 21, 'no records'
        if path in self.sessions:
            return 15, 'a session is using it'
        self._change(lambda: self.record(path).unlink())
        return 0, ''

    # Sessions

    def _node_login(self, path):
        self.is_settled = False
        if not self.record(path).exists():
            return 21, 'no records'
        if path in self.sessions:
            return 15, '1 session requested, but 1 already present.'
        if path.portal not in self.portals:
            return 8, 'connection timed out'
        if path.target not in self.targets:
            return 19, 'encountered non-retryable iSCSI login failure'
        if not self._accepts(self.options_of(self.record(path)),
                             'node.session.auth', path.target):
            return 24, 'iSCSI login failed due to authorization failure'
        self._change(lambda: self.log_in(path))
        return 0, ''

    def _accepts(self, options, prefix, name):
        wanted = self.accounts.get(name)
        if wanted is None:
            return True
        return options[f'{prefix}.authmethod'] == 'CHAP' and wanted == (
            options.get(f'{prefix}.username'),
            options.get(f'{prefix}.password'))

    def log_in(self, path):
        """Let the kernel have a session."""
        self.number += 1
        self.sessions[path] = self.number
        session = self.sysfs / f'session{self.number}'
        for number, disk in enumerate(self.targets[path.target]):
            (session / f'device/target0:0:0/0:0:0:{number}/block/{disk}'
             ).mkdir(parents=True)
        session.mkdir(exist_ok=True)
        (session / 'state').write_text('LOGGED_IN\n')

    def _node_logout(self, path):
        if path not in self.sessions:
            return 21, 'No matching sessions found'
        self._change(lambda: self._end(path))
        return 0, ''

    def _end(self, path):
        number = self.sessions.pop(path)
        (self.sysfs / f'session{number}').rename(
            self.sysfs / f'ended{number}')

    # Discovery and multipath

    def _discovery(self, portal, words, verb):
        record = self._discovery_record(portal)
        if verb is None:
            return (0, '') if record.exists() else (6, 'not found')
        if verb == 'new':
            self._write(record, DISCOVERY.format(host=portal.host))
            return 0, ''
        if verb == 'delete':
            record.unlink()
            return 0, ''
        options = self.options_of(record) if record.exists() else {
            'discovery.sendtargets.auth.authmethod': 'None'}
        if not self._accepts(options, 'discovery.sendtargets.auth', None):
            return 24, 'initiator failed authorization'
        return 0, ''.join(f'{portal.address},1 {name}\n'
                          for name in self.targets)

    def _udevadm(self, words):
        self.is_settled = True
        return 0, ''

    def _multipath(self, words):
        if words[0] == '-a' and self.is_settled:
            self.paths_joined.append(pathlib.Path(words[1]).name)
        return 0, ''

    def _multipathd(self, words):
        return 1, 'error receiving packet'


def path(target, portal='10.0.0.2'):
    """Return a target on a portal, by its full name."""
    return agent_iscsi.Path(iscsi.portal(portal), iscsi.full_name(
        target, 'iqn.2010-10.org.openstack:'))
