# SPDX-License-Identifier: Apache-2.0
"""What is answered of back ends and volumes, on a fake Cinder and LVM."""

import fixtures

from cloudmanager.agent.volumes import locks
from cloudmanager.common import exception
from cloudmanager.conductor.volumes import backends
from cloudmanager.conductor.volumes import views
from cloudmanager.tests.unit.agent import fake_sanlock
from cloudmanager.tests.unit.conductor import volume_case

ONE, TWO = volume_case.ONE, volume_case.TWO


class PoolsTestCase(volume_case.VolumeCase):

    def test_locations(self):
        for location, expected in (
                ('LVMVolumeDriver:stor1:vol:thin:0', ('stor1', 'vol')),
                ('LVMSanlockDriver:stor1.example.org:a-b:default:0',
                 ('stor1.example.org', 'a-b')),
                ('LVMVolumeDriver:stor1', None), ('LVMVolumeDriver::x:', None),
                ('RBDDriver:a:b:c', None), ('', None), ('a:b:c', None)):
            found = backends.of_pool(volume_case.pool(location=location))
            self.assertEqual(expected, found and (found.host, found.group),
                             location)


class BackendsTestCase(volume_case.VolumeCase):

    def list(self):
        return views.list_backends(self.context, self.tools)

    def test_document(self):
        self.lvm.add(f'volume-{TWO}', '/dev/sdc', '/dev/sdd')
        (found,) = self.list()
        self.assertEqual(
            ('fast', 'stor1', 'vol', 'iscsi', '1.56', '0.97'),
            tuple(found[name] for name in (
                'volume_backend_name', 'host', 'vg_name', 'protocol',
                'total_size', 'free_size')))
        one, two = found['logical_volumes']
        self.assertEqual(
            {'lv_name': f'volume-{ONE}', 'vg_name': 'vol',
             'lv_attr': '-wi-a-----', 'lv_size': '200.00m',
             'lv_uuid': self.lvm.volumes[f'volume-{ONE}'].uuid,
             'mirror_count': '1',
             'devices': [{'pv': '/dev/sdb', 'seg_size': '200.00m'}]}, one)
        self.assertEqual(('2', 2), (two['mirror_count'],
                                    len(two['devices'])))
        self.assertEqual(
            {'pv_name': '/dev/sdb', 'vg_name': 'vol', 'pv_attr': 'a--',
             'pv_size': '400.00m', 'pv_free': '200.00m'},
            found['physical_volumes'][0])

    def test_out_of_reach(self):
        """One agent that is silent does not hide the others."""
        self.cinder.pool_list.append(volume_case.pool(
            'stor2@lvm#vol', 'LVMVolumeDriver:stor2:vol:thin:0'))
        self.assertEqual(['stor1'], [found['host'] for found in self.list()])
        self.assertIn('stor2', self.logger.output)

    def test_others(self):
        """Back ends that are not on LVM, or whose group is not there."""
        self.cinder.pool_list = [
            volume_case.pool('a@ceph#p', 'RBDDriver:x:y'),
            volume_case.pool('a@lvm#p', 'LVMVolumeDriver:stor1:gone:thin:0')]
        self.assertEqual([], self.list())

    def test_cinder_is_away(self):
        self.cinder.missing = True
        self.assertRaises(exception.Unavailable, self.list)

    def test_nonsense(self):
        """An agent that answers nonsense is as good as none."""
        self.agents._answer = lambda *args: [{'volumes': 5}]
        self.assertEqual([], self.list())


class VolumesTestCase(volume_case.VolumeCase):

    def list(self):
        return views.list_volumes(self.context, self.tools)

    def show(self, key=ONE):
        return views.show_volume(self.context, self.tools, key)

    def test_list(self):
        self.cinder.volume_list += [
            volume_case.volume('elsewhere', 'a@ceph#p'),
            volume_case.volume('nowhere', None)]
        found = self.list()
        self.assertEqual([TWO, ONE], [
            volume['volume_id'] for volume in found['volumes']])
        self.assertEqual(('fast', 'stor1', False), tuple(
            found['volumes'][0][name] for name in (
                'volume_backend_name', 'host', 'thin_enabled')))

    def test_warnings(self):
        self.agents.silent = True
        found = self.list()
        self.assertEqual(([], 1), (
            found['volumes'], len(found['warnings'])))
        self.assertIn('stor1', found['warnings'][0])
        self.agents.silent = False
        self.cinder.pool_list = [volume_case.pool(
            location='LVMVolumeDriver:stor1:gone:thin:0')]
        self.assertIn('no volume group gone', self.list()['warnings'][0])

    def test_show(self):
        found = self.show()
        self.assertEqual((['stor1'], True, None), (
            found['lock_hosts'], found['lock_exclusive'],
            found['logical_volume']['lv_status']))
        self.lvm.volumes[f'volume-{ONE}'].active = False
        found = self.show()
        self.assertEqual(([], False), (found['lock_hosts'],
                                       found['lock_exclusive']))

    def test_status(self):
        self.lvm.run('pvmove', '--name', f'vol/volume-{ONE}', '/dev/sdb')
        self.clock.sleep(15)
        self.assertEqual('moving data from /dev/sdb: 25.00%',
                         self.show()['logical_volume']['lv_status'])
        self.lvm.run('lvconvert', '--mirrors', '1', f'vol/volume-{TWO}')
        self.assertEqual('making copies: 0.00%',
                         self.show(TWO)['logical_volume']['lv_status'])

    def test_thin(self):
        self.lvm.add(f'volume-{ONE}', pool='pool')
        self.assertTrue(self.show()['thin_enabled'])

    def test_after_a_migration(self):
        """Cinder's own migration gives the data another name."""
        self.cinder.volume_list = [volume_case.volume('x', name_id=ONE)]
        found = self.show('x')
        self.assertEqual(('x', f'volume-{ONE}'), (
            found['volume_id'], found['logical_volume']['lv_name']))

    def test_not_there(self):
        self.assertRaises(exception.VolumeNotFound, self.show, 'none')
        self.cinder.volume_list = [volume_case.volume(host='a@ceph#p'),
                                   volume_case.volume('gone')]
        for key in (ONE, 'gone'):
            self.assertEqual(404, self.assertRaises(
                exception.VolumeNotOnLVM, self.show, key).code)

    def test_out_of_reach(self):
        self.agents.silent = True
        self.assertEqual(503, self.assertRaises(
            exception.AgentUnreachable, self.show).code)

    def test_shared(self):
        """A shared group: the host of the server holds the lock."""
        self.nova.add('vm1', host='cmp1')
        self.agents.hosts = ('stor1', 'cmp1')
        self.lvm.shared = True
        call = self.agents.call

        def by_host(context, host, *args, **kwargs):
            self.lvm.volumes[f'volume-{ONE}'].active = host == 'cmp1'
            return call(context, host, *args, **kwargs)

        self.agents.call = by_host
        self.cinder.volume_list = [volume_case.volume(servers=('vm1',))]
        self.assertEqual('cmp1', self.check('mirror',
                                            mirror_count=1)['host'])
        found = self.show()
        self.assertEqual((None, None), (found['lock_hosts'],
                                        found['lock_exclusive']))
        self.assertTrue(found['lock_reason'])

    def test_locks(self):
        """Of a shared group sanlock tells who holds a volume."""
        self.lvm.shared = True
        name = f'volume-{ONE}'
        sanlock = fake_sanlock.FakeSanlock()
        sanlock.held = {name: [(1, 1, True)]}
        self.lock_with(sanlock)
        self.assertEqual((['cmp1'], True, None), self.lock())
        sanlock.held[name] = [(2, 1, False), (1, 1, False)]
        self.assertEqual((['cmp1', 'stor1'], False, None), self.lock())
        sanlock.come_back(1)
        self.assertEqual((['stor1'], False, None), self.lock())
        sanlock.held[name] = []
        self.assertEqual(([], False, None), self.lock())
        sanlock.is_away = True
        hosts, _, reason = self.lock()
        self.assertEqual([], hosts)
        self.assertIn('Host stor1: sanlock', reason)
        sanlock.kind = 'dlm'
        hosts, exclusive, reason = self.lock()
        self.assertEqual((None, None), (hosts, exclusive))
        self.assertIn('Host stor1: ', reason)
        self.assertIn('dlm', reason)

    def test_unprotected(self):
        """LK6: the answer says on which host."""
        self.lvm.shared = True
        name = f'volume-{ONE}'
        sanlock = fake_sanlock.FakeSanlock()
        sanlock.held, sanlock.active = {name: []}, [name]
        self.lock_with(sanlock)
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.volumes.lock_state._active',
            sanlock.devices))
        self.assertEqual(
            'The volume is unprotected on host stor1: no lock is held for '
            'it.', self.lock()[2])

    def lock_with(self, sanlock):
        """Have the agent read the locks of a fake."""
        call = self.agents.call

        def ask(context, host, operation, arguments, **kwargs):
            if operation != 'locks.report':
                return call(context, host, operation, arguments, **kwargs)
            with fixtures.MonkeyPatch('cloudmanager.agent.commands.run',
                                      sanlock.run):
                return locks.report(None, **arguments)

        self.agents.call = ask

    def lock(self):
        found = self.show()
        return tuple(found[f'lock_{what}'] for what in (
            'hosts', 'exclusive', 'reason'))

    def test_busy(self):
        """LK8: while Cinder changes a volume, nobody else does."""
        for status in ('extending', 'deleting', 'retyping'):
            self.cinder.volume_list = [volume_case.volume(status=status)]
            self.assertIn(status, str(self.assertRaises(
                exception.LogicalVolumeState, self.check, 'mirror',
                mirror_count=1)))
