# SPDX-License-Identifier: Apache-2.0
"""Servers that are acted on again and again, whatever happens meanwhile."""

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import nova_db


def equal(expected, found, about=''):
    """Fail unless two values are equal."""
    if expected != found:
        raise AssertionError(f'{about or "expected"}: {expected!r}, but it '
                             f'is {found!r}')


def absent(what, text):
    """Fail if a string is in another one."""
    if what in text:
        raise AssertionError(f'{what} is left in {text}')


class Slot:
    """A server that goes through one action again and again.

    :param case: has ``cloud``, ``found`` (all servers of it, as of a moment
        ago), ``start`` (begins a task), and for clones ``project`` and
        ``ours``
    :cvar action: in the path of the request
    :cvar body: of the request
    :cvar asked: what Nova is asked for, once for each task
    """

    action = ''
    body = {}
    asked = ''

    def __init__(self, case, server):
        self.case = case
        self.server = server
        self.task = None
        self.runs = 0

    @property
    def name(self):
        return f'server.{self.action}'

    def prepare(self):
        """Bring the server to where the action is needed."""

    def is_ready(self):
        """Tell whether it is there."""
        return self.found().status == 'ACTIVE' and self.at_rest()

    def found(self):
        return self.case.found[self.server]

    def at_rest(self):
        return getattr(self.found(), 'OS-EXT-STS:task_state') is None

    def begin(self):
        self.task = self.case.start(
            f'/v1/servers/{self.server}/actions/{self.action}', self.body)
        self.runs += 1

    def check(self, task):
        """Check what a task has done."""
        equal('SUCCESS', task['status'], task['result'])
        server = self.case.cloud.server(self.server)
        equal('ACTIVE', server.status)
        equal(
            self.runs, len(self.case.cloud.actions(self.server, self.asked)),
            f'{self.name}: not asked for {self.asked} once for each task')


class Wakeup(Slot):

    action, asked = 'wakeup', 'start'

    def prepare(self):
        self.case.cloud.nova.servers.stop(self.server)

    def is_ready(self):
        return self.found().status == 'SHUTOFF' and self.at_rest()


class Recover(Slot):

    action, asked = 'recover', 'reboot'

    def prepare(self):
        self.case.cloud.nova.servers.reset_state(self.server, 'error')

    def is_ready(self):
        return self.found().status == 'ERROR'


class Repair(Slot):
    """The guest is off, and Nova does not know."""

    action, asked = 'repair', 'reboot'

    def prepare(self):
        nova_db.update([self.server], power_state=4)


class Reset(Slot):

    action, body, asked = 'reset-reboot', {'reboot': True}, 'reboot'


class Balance(Slot):
    """Off a full host, to which the test moves it back."""

    action, asked = 'balance', 'live-migration'

    def prepare(self):
        if self.case.cloud.host_of(self.found()) != 'cmp1':
            self.case.cloud.nova.servers.live_migrate(
                self.server, 'cmp1', 'auto')
            self.runs += 1

    def is_ready(self):
        return (self.case.cloud.host_of(self.found()) == 'cmp1'
                and super().is_ready())


class Clone(Slot):
    """A server with a volume; the clone is removed again."""

    action = 'clone'

    def check(self, task):
        equal('SUCCESS', task['status'], task['result'])
        (item,) = task['items']
        project = self.case.project
        clones = [server for server in project.nova.servers.list()
                  if server.name.startswith(self.prefix)]
        equal([item['id']], [clone.id for clone in clones])
        equal(None, getattr(project.nova.servers.get(item['id']),
                            'description'))
        mine = [volume for volume in project.volumes().values()
                if volume.name.startswith(self.prefix)]
        equal([('in-use', 'about data')], [
            (volume.status, volume.description) for volume in mine])
        for name in (*project.images().values(),
                     *(snapshot.name for snapshot in
                       project.cinder.volume_snapshots.list())):
            absent(task['id'], name)
        absent(task['id'], str(
            [pair.name for pair in self.case.ours.keypairs.list()]))
        self.away = [volume.id for volume in mine]
        clones[0].delete()

    @property
    def prefix(self):
        return f'{self.found().name}-clone-'

    away = ()

    def is_ready(self):
        """Wait until the last clone is gone."""
        present = self.case.project.volumes()
        for volume in [key for key in self.away if key in present]:
            if present[volume].status == 'available':
                self.case.project.cinder.volumes.delete(volume)
            return False
        return super().is_ready()


def source(case, name):
    """Boot a server with a volume; return its slot of clones.

    :param case: see ``Slot``
    """
    volume = case.project.volume('data', kind='fake')
    made = case.project.nova.servers.create(
        name, case.cloud.image, case.cloud.flavors['m1.nano'], nics='none',
        block_device_mapping_v2=[
            {'uuid': volume, 'source_type': 'volume',
             'destination_type': 'volume', 'boot_index': -1}])
    cloud.wait(lambda: case.cloud.server(made.id).status == 'ACTIVE', 60,
               'the source of clones is active')
    return Clone(case, made.id)
