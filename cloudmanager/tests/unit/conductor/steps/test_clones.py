# SPDX-License-Identifier: Apache-2.0
"""Servers are cloned, whole or not at all, on a fake cloud."""

import inspect

from cloudmanager.clients import cinder
from cloudmanager.clients import glance
from cloudmanager.clients import neutron
from cloudmanager.clients import nova
from cloudmanager.clients import nova_copies
from cloudmanager.common import exception
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.tests.unit.conductor import fake_copies
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import server_case

SECRET = 'UzNjcmV0LWluLXVzZXItZGF0YQ=='
NAME = '{name}-clone-{number}'


class CloneCase(server_case.ServerCase):

    def setUp(self):
        super().setUp()
        self.cloud = fake_copies.Cloud(self.nova)
        self.use_cloud()

    def use_cloud(self):
        self.tools = conductor_tools.Tools(
            nova=self.nova, placement=self.placement, power=self.tools.power,
            neutron=self.cloud.neutron, cinder=self.cloud.cinder,
            glance=self.cloud.glance, in_project=self.cloud.in_project)

    def add_source(self, volumes=('v1', 'v2'), image='', **values):
        """Make the server that is cloned."""
        for key in volumes:
            self.cloud.cinder.add(key)
        self.nova.add('vm1', image=image, attachments=tuple(
            nova_copies.Attachment(key, f'/dev/vd{letter}', letter == 'a',
                                   f'tag-{key}')
            for key, letter in zip(volumes, 'abc', strict=False)), **values)

    def clone(self, status='SUCCESS', count=1, name=NAME, **params):
        return self.act('clone', status, count=count, name=name, **params)

    def clones(self):
        """Return the servers of the project but the source, by name."""
        return {vm.name: vm for vm in self.nova.vms.values()
                if vm.id != 'vm1'}

    def assert_clean(self, clones=0, volumes=0):
        """Check that nothing is there but the source and whole clones."""
        self.assertEqual(clones, len(self.clones()))
        self.assertEqual({}, self.nova.keypairs_of_ours())
        self.assertEqual({}, self.cloud.glance.images)
        left = [key for key in self.cloud.cinder.pieces
                if key.startswith('snap')]
        self.assertEqual([], left)
        made = [item for key, item in self.cloud.cinder.pieces.items()
                if key.startswith('vol')]
        self.assertEqual(volumes, len(made))
        for item in (*made, *self.clones().values()):
            self.assertNotIn('cloudmanager task', str(item.description))


class CloneTestCase(CloneCase):

    def test_boot_from_volume(self):
        self.add_source(
            description='the shop', metadata={'a': 'b'}, tags=('t',),
            user_data=SECRET, config_drive=True, zone='az1',
            disk_config='AUTO')
        result = self.clone()
        self.assertIn('1 of 1 clone(s) of name-vm1', result)
        self.assert_clean(1, 2)
        body = dict(self.nova.made[0][0])
        devices = body.pop('block_device_mapping_v2')
        self.assertTrue(body.pop('description').startswith('cloudmanager'))
        self.assertEqual({
            'name': 'name-vm1-clone-1', 'imageRef': '',
            'flavorRef': 'flavor-7', 'metadata': {'a': 'b'},
            'networks': 'none', 'min_count': 1, 'max_count': 1,
            'user_data': SECRET, 'tags': ['t'], 'config_drive': True,
            'availability_zone': 'az1', 'OS-DCF:diskConfig': 'AUTO'}, body)
        self.assertEqual(
            [(0, True, 'tag-v1'), (-1, False, 'tag-v2')],
            [(item['boot_index'], item['delete_on_termination'],
              item['tag']) for item in devices])
        made = self.clones()['name-vm1-clone-1']
        self.assertEqual(('project', 'the shop', 'active'), (
            made.project_id, made.description, made.vm_state))
        self.assertEqual(
            [('name-vm1-clone-1-vda', 'about v1', 'project'),
             ('name-vm1-clone-1-vdb', 'about v2', 'project')],
            [(item.name, item.description, item.project) for item in (
                self.cloud.cinder.pieces[device['uuid']]
                for device in devices)])

    def test_image(self):
        """A root disk of its own goes through an image of it."""
        self.add_source(volumes=(), image='i1')
        self.clone()
        self.assert_clean(1)
        body = self.nova.made[0][0]
        self.assertEqual('image-1', body['imageRef'])
        self.assertNotIn('block_device_mapping_v2', body)
        self.assertNotIn('description', self.clones())

    def test_image_and_volumes(self):
        self.add_source(volumes=('v1',), image='i1')
        self.clone()
        self.assert_clean(1, 1)
        first, second = self.nova.made[0][0]['block_device_mapping_v2']
        self.assertEqual(('image', 'local', 0), (
            first['source_type'], first['destination_type'],
            first['boot_index']))
        self.assertEqual(-1, second['boot_index'])

    def test_several(self):
        """One snapshot serves all; names are new ones."""
        self.add_source(volumes=('v1',))
        self.nova.add('other', name='name-vm1-clone-2')
        self.clone(count=3)
        self.assertEqual(
            {'name-vm1-clone-1', 'name-vm1-clone-2', 'name-vm1-clone-3',
             'name-vm1-clone-4'}, set(self.clones()))
        self.assertEqual(1, self.nova.count('create_snapshot'))
        items = self.items()
        self.assertEqual({'new-1', 'new-2', 'new-3'}, set(items))
        for item in items.values():
            self.assertEqual(('clone', 'DONE', 'clone', 'vm1', 'dst1'),
                             tuple(item[key] for key in (
                                 'kind', 'state', 'action', 'source',
                                 'destination')))

    def test_name(self):
        self.add_source(volumes=('v1',))
        self.clone(name='web {number} of {name}')
        self.assertEqual({'web 1 of name-vm1'}, set(self.clones()))

    def test_at_a_time(self):
        self.config(group='server_tasks', max_clones=2)
        self.add_source(volumes=('v1',))
        self.clone(count=5)
        self.assert_clean(5, 5)

    def test_key_pair(self):
        """Nova takes key pairs of who asks; ours is made and removed."""
        self.nova.keypairs['owner', 'mine'] = nova_copies.KeyPair(
            'mine', 'ssh', 'ssh-ed25519 AAAA')
        self.add_source(key_name='mine')
        self.clone()
        self.assert_clean(1, 2)
        self.assertEqual(f'mine-{self.task_id}',
                         self.nova.made[0][0]['key_name'])
        self.assertEqual([('owner', 'mine')], list(self.nova.keypairs))

    def test_key_pair_is_gone(self):
        """Its owner has removed it; the clone is made all the same."""
        self.add_source(key_name='mine')
        self.assertIn('without a key pair', self.clone())
        self.assertNotIn('key_name', self.nova.made[0][0])

    def test_networks(self):
        for network in ('n1', 'n2', 'n1'):
            self.cloud.neutron.add('vm1', network, ['web'])
        self.add_source()
        self.clone()
        body = self.nova.made[0][0]
        self.assertEqual(['n1', 'n2', 'n1'],
                         [item['uuid'] for item in body['networks']])
        self.assertEqual([{'name': 'web'}], body['security_groups'])
        self.assertEqual([('web',)] * 3, [
            port.security_groups
            for port in self.cloud.neutron.ports_of('new-1')])

    def test_groups_differ(self):
        """Each port gets the groups of the one that it is made after."""
        self.cloud.neutron.add('vm1', 'n1', ['web'])
        self.cloud.neutron.add('vm1', 'n2', ['db', 'ssh'])
        self.cloud.neutron.add('vm1', 'n3', [], security=False)
        self.add_source()
        self.clone()
        self.assertNotIn('security_groups', self.nova.made[0][0])
        self.assertEqual(
            {'n1': (True, ('web',)), 'n2': (True, ('db', 'ssh')),
             'n3': (False, ())},
            {port.network_id: (port.security, port.security_groups)
             for port in self.cloud.neutron.ports_of('new-1')})

    def test_no_secret(self):
        """User data may hold passwords: never stored, never logged."""
        self.add_source(user_data=SECRET)
        self.nova.script['create_server', 'name-vm1-clone-1'] = [
            fakes.FAILS]
        self.clone('FAILURE')
        row, items = self.row(), self.items()
        self.assertNotIn(SECRET, f'{row}{items}{self.logger.output}')
        self.assertNotIn(SECRET, repr(self.nova.blueprint('vm1')))


class RefusedTestCase(CloneCase):

    def refused(self, expected, text, **params):
        error = self.assertRaises(expected, self.check, 'clone', count=1,
                                  name=NAME, **params)
        self.assertEqual(409, error.code)
        self.assertIn(text, str(error))
        self.assertIn(text, self.clone('FAILURE'))
        self.assertEqual([], self.nova.sent)

    def test_states(self):
        for state in ('error', 'shelved', 'shelved_offloaded', 'rescued',
                      'resized', 'soft-delete', 'building'):
            self.add_source(vm_state=state)
            self.refused(exception.ServerState, 'can be cloned')
        for state in ('active', 'stopped', 'paused', 'suspended'):
            self.add_source(vm_state=state)
            self.check('clone', count=1, name=NAME)

    def test_busy(self):
        self.add_source(task_state='powering-off')
        self.refused(exception.ServerState, 'powering-off')

    def test_host_down(self):
        self.add_source()
        self.nova.computes['src'].alive = False
        self.refused(exception.ServerState, 'is down')

    def test_no_role(self):
        """SE5: no user or role is made to get into a project."""
        self.add_source()
        self.cloud.closed.add('project')
        self.refused(exception.ProjectClosed, 'role member')

    def test_quota(self):
        self.add_source(volumes=('v1', 'v2'))
        nova_quota, cinder_quota = self.nova.quota, self.cloud.cinder.quota
        for quota, name, limit in (
                (nova_quota, 'instances', (2, 2)),
                (nova_quota, 'cores', (4, 4)),
                (nova_quota, 'ram', (2047, 1024)),
                (cinder_quota, 'volumes', (3, 2)),
                (cinder_quota, 'snapshots', (1, 0)),
                (cinder_quota, 'gigabytes', (59, 20))):
            before = dict(quota)
            quota[name] = limit
            self.refused(exception.QuotaExceeded, name)
            quota.clear()
            quota.update(before)
        nova_quota['instances'] = (3, 2)
        self.check('clone', count=1, name=NAME)
        self.assertRaises(exception.QuotaExceeded, self.check, 'clone',
                          count=2, name=NAME)

    def test_volume_in_trouble(self):
        self.add_source()
        for status in ('error', 'maintenance'):
            self.cloud.cinder.pieces['v2'].status = status
            self.refused(exception.ServerState, f'v2 is {status}')

    def test_passed_through_port(self):
        self.cloud.neutron.add('vm1', 'n1', vnic_type='direct')
        self.add_source()
        self.refused(exception.ServerState, 'direct')

    def test_unknown_root(self):
        self.add_source(root_device='/dev/sda')
        self.refused(exception.ServerState, 'boots from')

    def test_unknown_server(self):
        self.assertRaises(exception.ServerNotFound, self.check, 'clone',
                          count=1, name=NAME)


class FailureTestCase(CloneCase):
    """All or nothing: what is not whole is taken away."""

    def test_server_in_error(self):
        self.add_source()
        self.nova.script['create_server', 'name-vm1-clone-2'] = [
            fakes.FAILS]
        result = self.clone('FAILURE', count=3)
        self.assert_clean(2, 4)
        self.assertIn('2 of 3', result)
        self.assertIn('name-vm1-clone-2 failed: No valid host', result)
        self.assertEqual({'DONE': 2, 'FAILED': 1}, {
            state: list(self.states().values()).count(state)
            for state in set(self.states().values())})

    def test_server_refused(self):
        self.add_source()
        self.nova.script['create_server', 'name-vm1-clone-1'] = [
            fakes.REFUSED]
        self.assertIn('not now', self.clone('FAILURE'))
        self.assert_clean()

    def test_server_never_built(self):
        self.config(group='server_tasks', clone_timeout=60)
        self.add_source()
        self.nova.script['create_server', 'name-vm1-clone-1'] = [
            fakes.STUCK]
        self.assertIn('not over after 60 s', self.clone('FAILURE'))
        self.assert_clean()

    def test_volume_in_error(self):
        """LK10: a clone has all volumes, or nothing of it is left."""
        self.add_source()
        self.cloud.cinder._make = self._broken_volumes(
            self.cloud.cinder._make)
        self.assertIn('the status error', self.clone('FAILURE'))
        self.assert_clean()

    @staticmethod
    def _broken_volumes(make):
        def broken(outcome, key, **values):
            make(fakes.FAILS if key.startswith('vol') else outcome, key,
                 **values)
        return broken

    def test_volume_refused(self):
        self.add_source(volumes=('v1',))
        self.nova.script['create_volume', 'snap-v1-1'] = [fakes.REFUSED]
        self.assertIn('not now', self.clone('FAILURE'))
        self.assert_clean()

    def test_snapshot_fails(self):
        """Then nothing is made at all."""
        for outcome, text in ((fakes.FAILS, 'the status error'),
                              (fakes.REFUSED, 'not now')):
            self.start_over(self.cloud.reset)
            self.use_cloud()
            self.add_source()
            self.nova.script['create_snapshot', 'v2'] = [outcome]
            self.assertIn(text, self.clone('FAILURE'))
            self.assert_clean()
            self.assertEqual(0, self.nova.count('create_volume'))

    def test_snapshot_never_ends(self):
        self.config(group='server_tasks', clone_timeout=60, clear_timeout=30)
        self.add_source()
        self.nova.script['create_snapshot', 'v2'] = [fakes.STUCK]
        result = self.clone('FAILURE')
        self.assertIn('still creating after 60 s', result)
        # Cinder lets nobody remove it while it is being made.
        self.assertIn('snapshot snap-v2', self.row()['memory']['left'])

    def test_image_fails(self):
        self.add_source(volumes=(), image='i1')
        self.nova.script['create_image', 'vm1'] = [fakes.FAILS]
        self.assertIn('image of its root disk has the status killed',
                      self.clone('FAILURE'))
        self.assert_clean()

    def test_snapshots_that_stay(self):
        """Some back ends need them for the volumes made of them."""
        self.config(group='server_tasks', clear_timeout=30)
        self.add_source(volumes=('v1',))
        self.cloud.cinder.keeps = True
        self.assertIn('left behind: snapshot snap-v1', self.clone())

    def test_cannot_be_removed(self):
        self.config(group='server_tasks', clear_timeout=30)
        self.add_source()
        self.nova.script['create_server', 'name-vm1-clone-1'] = [
            fakes.FAILS]
        self.nova.script['delete_server', 'new-1'] = [fakes.STUCK] * 99
        result = self.clone('FAILURE')
        for left in ('left behind: volume vol-', 'server new-1'):
            self.assertIn(left, result)

    def test_source_is_deleted(self):
        self.add_source()
        self.clock.at(2, self.nova.delete, 'vm1')
        self.assertIn('could not be found', self.clone('FAILURE'))
        self.assert_clean()

    def test_source_is_deleted_late(self):
        """A clone that runs is finished without it."""
        self.cloud.neutron.add('vm1', 'n1', ['web'])
        self.cloud.neutron.add('vm1', 'n2', ['db'])
        self.nova.seconds = 10
        self.add_source(description='the shop')
        self.clock.at(25, self.nova.delete, 'vm1')
        self.clone()
        made = self.clones()['name-vm1-clone-1']
        self.assertEqual('the shop', made.description)
        self.assertEqual({('n1', ('web',)), ('n2', ('db',))}, {
            (port.network_id, port.security_groups)
            for port in self.cloud.neutron.ports_of(made.id)})

    def test_role_is_taken_away(self):
        """What was created is removed without one."""
        self.add_source()
        self.clock.at(3, self.cloud.closed.add, 'project')
        self.assertIn('role member', self.clone('FAILURE'))
        self.assert_clean()

    def test_clone_is_deleted(self):
        self.nova.seconds = 10
        self.add_source()
        self.clock.at(25, self.nova.delete, 'new-1')
        self.assertIn('deleted while', self.clone('FAILURE'))

    def test_cancelled(self):
        """DR16: no more are begun, those under way are finished."""
        self.config(group='server_tasks', max_clones=1)
        self.nova.seconds = 10
        self.add_source(volumes=('v1',))
        self.clock.at(15, self.cancel)
        self.clone('REVOKED', count=3)
        self.assert_clean(1, 1)
        self.assertEqual(['DONE', 'SKIPPED', 'SKIPPED'],
                         sorted(self.states().values()))

    def test_aborted(self):
        self.nova.seconds = 10
        self.add_source(volumes=('v1',))
        self.clock.at(25, self.cancel, 'abort')
        self.clone('REVOKED', count=2)
        self.assert_clean()
        self.assertEqual({'SKIPPED'}, set(self.states().values()))

    def test_cancelled_before(self):
        self.add_source()
        self.begin('clone', {'count': 1, 'name': NAME})
        run = self.run_of()
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow(run)['status'])
        self.assertEqual([], self.nova.sent)

    def test_outages(self):
        """SE10: minutes without the cloud, wherever they fall."""
        for begin in (0.5, 1.5, 2.5, 3.5, 4.5):
            self.start_over(self.cloud.reset)
            self.use_cloud()
            self.add_source()
            now = self.clock.now
            self.nova.outages = [(now + begin, now + begin + 200)]
            self.clone(count=2)
            self.assert_clean(2, 4)

    def test_outage_without_an_end(self):
        """The task fails; what could not be removed is logged."""
        self.config(group='cloud', outage_timeout=100)
        self.add_source()
        now = self.clock.now
        self.nova.outages = [(now + 2.5, now + 10 ** 5)]
        self.clone('FAILURE')
        self.assertIn('could not be put back', self.logger.output)


class CrashTestCase(CloneCase):
    """Killed at every write and request: nothing twice, nothing left."""

    def prepare(self):
        self.cloud.reset()
        self.nova.keypairs['owner', 'mine'] = nova_copies.KeyPair(
            'mine', 'ssh', 'ssh-ed25519 AAAA')
        self.add_source(volumes=('v1',), image='i1', key_name='mine')
        self.use_cloud()

    def check_clone(self, where):
        self.assert_clean(1, 1)
        for request in ('create_image', 'create_snapshot', 'create_volume',
                        'create_server', 'create_keypair'):
            self.assertEqual(1, self.nova.count(request), (request, where))

    def test_kills(self):
        self.assertGreater(self.kill_everywhere(
            'clone', self.prepare, self.check_clone, count=1, name=NAME), 35)

    def test_kills_while_it_fails(self):
        def prepare():
            self.prepare()
            self.nova.script['create_server', 'name-vm1-clone-1'] = [
                fakes.FAILS] * 2

        def check(where):
            self.assert_clean()
            self.assertEqual(1, self.nova.count('create_server'), where)

        self.assertGreater(self.kill_everywhere(
            'clone', prepare, check, status='FAILURE', count=1, name=NAME),
            35)

    def test_lost(self):
        """Whether a request arrived is found out by its mark."""
        for request, target in (
                ('create_image', 'vm1'), ('create_snapshot', 'v1'),
                ('create_volume', 'snap-v1-1'),
                ('create_server', 'name-vm1-clone-1')):
            for outcome in (fakes.LOST, fakes.ANSWER_LOST):
                self.start_over(self.prepare)
                self.nova.script[request, target] = [outcome]
                self.clone()
                self.check_clone((request, outcome))


class FakesTestCase(CloneCase):

    def test_same_interface(self):
        """A fake that is not like the real one proves nothing."""
        for real, fake in ((nova.Nova, self.nova),
                           (cinder.Cinder, self.cloud.cinder),
                           (glance.Glance, self.cloud.glance),
                           (neutron.Neutron, self.cloud.neutron)):
            for name, method in inspect.getmembers(fake, inspect.ismethod):
                wanted = getattr(real, name, None)
                if name.startswith('_') or wanted is None:
                    continue
                self.assertEqual(
                    list(inspect.signature(wanted).parameters)[1:],
                    list(inspect.signature(method).parameters), name)
