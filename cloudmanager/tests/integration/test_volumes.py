# SPDX-License-Identifier: Apache-2.0
"""Volumes of a real Cinder on a real LVM, by an API, a conductor, an agent."""

import os
import socket
import unittest

from cloudmanager.tests.functional import nodes
from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cinder_lvm
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers
from cloudmanager.tests.integration import storage

# Cinder's driver tells the name of the machine, not the host of its service.
HOST = socket.gethostname()
SERVICE_HOST = 'stor1'
MORE = '''\
[volumes]
report_timeout = 5
[agent]
heartbeat_timeout = 4
'''


@unittest.skipIf(os.geteuid(), 'block devices on files need root')
class VolumesTestCase(base.IntegrationCase):
    """Two back ends on one host, whose service has another name."""

    more = MORE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lvm = cinder_lvm.LocalLVM(2)
        cls.lvm.setUp()
        cls.addClassCleanup(cls.lvm.cleanUp)
        cls.service = cinder_lvm.VolumeService(cls.lvm, SERVICE_HOST)
        cls.service.setUp()
        cls.addClassCleanup(cls.service.cleanUp)
        cls.project = storage.Project()
        cls.addClassCleanup(cls.project.clear)
        cls.node_id = cls.client.node(HOST)
        cls.agent = nodes.Node(servers.shared_bus().url, HOST)
        cls.agent.setUp()
        cls.addClassCleanup(cls.agent.cleanUp)
        for program in cls.lvm.bin.iterdir():
            cls.agent.program(program.name, program.read_text())
        cls.agent.put_key(cls.installation.manage(
            'agent', 'enrol', HOST))
        cls.agent.start()
        cloud.wait(cls.reachable, 30, 'the agent')

    @classmethod
    def reachable(cls):
        found = cls.client.call('GET', f'/v1/nodes/{cls.node_id}')['node']
        return (found['agent'] or {}).get('is_reachable')

    def setUp(self):
        super().setUp()
        self.addCleanup(self.project.clear)

    def create(self, number=0, size=1):
        """Create a volume on a back end, as a tenant."""
        return self.project.volume('data', size,
                                   kind=self.service.names[number])

    def list(self):
        """Return volumes by id, and warnings about these back ends."""
        found = self.client.call('GET', '/v1/volumes')
        return ({item['volume_id']: item for item in found['volumes']},
                found.get('warnings', []))

    def logical(self, number, volume_id):
        return f'{self.lvm.groups[number]}/volume-{volume_id}'

    def change(self, column, volume_id, value, before):
        """Change what Cinder has of a volume, until the test ends."""
        statement = f'UPDATE volumes SET {column} = %s WHERE id = %s'
        database = place.database('cinder')
        self.addCleanup(processes.query, database, statement, before,
                        volume_id)
        processes.query(database, statement, value, volume_id)

    def test_join(self):
        """What Cinder made is found on the back end that has it."""
        ids = [self.create(0, 1), self.create(1, 2)]
        backends = {item['volume_backend_name']: item
                    for item in self.client.call('GET',
                                                 '/v1/volume-backends')
                    if item['host'] == HOST}
        self.assertEqual(set(self.service.names), set(backends))
        found, warnings = self.list()
        self.assertEqual((set(ids), []), (set(found), warnings))
        for number, volume_id in enumerate(ids):
            group, name = self.lvm.groups[number], self.service.names[number]
            self.assertEqual(self.service.pool(number), getattr(
                self.service.volume(volume_id), 'os-vol-host-attr:host'))
            self.assertEqual(
                (name, HOST, group, f'volume-{volume_id}',
                 f'{number + 1}.00g'),
                (found[volume_id]['volume_backend_name'],
                 found[volume_id]['host'],
                 *(found[volume_id]['logical_volume'][key]
                   for key in ('vg_name', 'lv_name', 'lv_size'))))
            backend = backends[name]
            self.assertEqual([f'volume-{volume_id}'], [
                item['lv_name'] for item in backend['logical_volumes']])
            self.assertAlmostEqual(
                number + 1, float(backend['total_size'])
                - float(backend['free_size']), 1)
            shown = self.client.call('GET', f'/v1/volumes/{volume_id}')
            self.assertEqual((volume_id, [], False), tuple(
                shown['volume'][key]
                for key in ('volume_id', 'lock_hosts', 'lock_exclusive')))

    def test_differences(self):
        """What is only in one of them, and what has another size."""
        gone, small, whole = (self.create() for _ in range(3))
        self.lvm.run('lvremove', '--force', self.logical(0, gone))
        self.lvm.run('lvextend', '--size', '2g', self.logical(0, small))
        other = f'{self.lvm.groups[0]}/others'
        self.lvm.run('lvcreate', '--name', 'others', '--size', '100m',
                     self.lvm.groups[0])
        self.addCleanup(self.lvm.run, 'lvremove', '--force', other)
        (names,) = (
            {item['lv_name'] for item in backend['logical_volumes']}
            for backend in self.client.call('GET', '/v1/volume-backends')
            if backend['volume_backend_name'] == self.service.names[0])
        self.assertEqual(
            {f'volume-{small}', f'volume-{whole}', 'others'}, names)
        found, (missing, size) = self.list()
        self.assertEqual({small, whole}, set(found))
        self.assertIn(f'no logical volume of {gone},', missing)
        self.assertIn(f'{small} (1 GiB in Cinder, 2 GiB in LVM)', size)
        answer = self.client.request('GET', f'/v1/volumes/{gone}')
        self.assertEqual(404, answer.status_code, answer.text)
        self.assertIn('has no logical volume', answer.text)

    def test_after_a_migration(self):
        """Cinder keeps data under another id when it could not rename them.

        It has deleted the volume that had this id by then, not its data.
        """
        volume_id, data = self.create(), self.create()
        self.lvm.run('lvremove', '--force', self.logical(0, volume_id))
        self.change('_name_id', volume_id, data, None)
        self.change('deleted', data, 1, 0)
        found, warnings = self.list()
        self.assertEqual(({volume_id}, []), (set(found), warnings))
        self.assertEqual(f'volume-{data}',
                         found[volume_id]['logical_volume']['lv_name'])

    def test_actions_are_planned_and_refused(self):
        """The join is what actions are checked by."""
        volume_id = self.create(1)
        path = f'/v1/volumes/{volume_id}/actions/'
        answer = self.client.request('POST', f'{path}mirror', {
            'mirror_count': 1, 'dry_run': True})
        self.assertEqual(409, answer.status_code, answer.text)
        self.assertIn(f'volume-{volume_id} cannot be changed', answer.text)
        self.assertIn('do not fit', answer.text)
        elsewhere = self.project.volume('elsewhere', kind='standard')
        answer = self.client.request(
            'GET', f'/v1/volumes/{elsewhere}')
        self.assertEqual(404, answer.status_code, answer.text)
        self.assertIn('not a back end on LVM', answer.text)

    def test_silent_agent(self):
        """The lists are answered without it; one volume is a 503."""
        volume_id = self.create()
        self.agent.kill()
        self.addCleanup(cloud.wait, self.reachable, 30, 'the agent')
        self.addCleanup(self.agent.start)
        found, warnings = self.list()
        self.assertEqual(({}, 2), (found, len(warnings)))
        for name, warning in zip(sorted(self.service.names), warnings,
                                 strict=True):
            self.assertIn(f'Volume backend {name} on host {HOST} is left '
                          'out', warning)
        answer = self.client.request('GET', f'/v1/volumes/{volume_id}')
        self.assertEqual(503, answer.status_code, answer.text)

    def test_cinder_is_down(self):
        """503 while Cinder does not answer, and right again afterwards."""
        volume_id = self.create()
        self.addCleanup(cloud.minicloud, 'run', 'cinder-api')
        cloud.minicloud('kill', 'cinder-api')
        for path in ('volumes', 'volume-backends', f'volumes/{volume_id}'):
            answer = self.client.request('GET', f'/v1/{path}')
            self.assertEqual(503, answer.status_code, answer.text)
            self.assertIn('Cinder', answer.text)
        cloud.minicloud('run', 'cinder-api')
        found, warnings = self.list()
        self.assertEqual(({volume_id}, []), (set(found), warnings))
