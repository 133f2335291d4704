# SPDX-License-Identifier: Apache-2.0
"""A host is taken out of the cloud for good, or left as it was."""

import types

from cloudmanager.clients import cinder
from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.db import nodes as db_nodes
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import walks

MOVE = {'allow_live_migrate': True, 'allow_migrate': True}


class DecommissionCase(walks.WalkCase):

    def setUp(self):
        super().setUp()
        self.node = self.add_power()
        self.nova.aggregate_list = [
            nova_records.Aggregate(1, 'fast', None, ('src', 'dst1'), {}),
            nova_records.Aggregate(2, 'other', None, ('dst2',), {})]

    def decommission(self, **params):
        return self.run_flow(name='host.decommission', **{**MOVE, **params})

    def volume_service(self, host='src@lvm', binary='cinder-volume'):
        self.tools.cinder.service_list.append(cinder.Service(
            binary, host, 'nova', 'enabled', 'up', None, None))

    @property
    def source(self):
        return self.nova.computes['src']

    def found_node(self):
        return db_nodes.get_node(self.context, self.node['id'])


class FlowTestCase(DecommissionCase):

    def test_all_is_well(self):
        self.nova.add('vm1')
        self.nova.add('vm2', vm_state='stopped')
        row = self.decommission()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertNotIn('src', self.nova.computes)
        self.assertEqual(['rp-src'], self.placement.deleted)
        self.assertIn('1 aggregate(s): fast', row['result'])
        self.assertEqual(['power_off'], self.power_states(self.node))
        node = self.found_node()
        self.assertEqual((0, None), (node['condition'],
                                     node['hypervisor_id']))
        self.assertIn(row['id'], node['condition_reason'])

    def test_nothing_is_allowed(self):
        """Without flags no server is moved, so the host stays in use."""
        self.nova.add('vm1')
        row = self.decommission(allow_live_migrate=False,
                                allow_migrate=False)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('vm1', row['result'])
        self.assertEqual(('enabled', 'src'), (
            self.source.status, self.nova.vms['vm1'].host))
        self.assertEqual(0, self.nova.count('live_migrate'))

    def test_cold_only(self):
        self.nova.add('vm1')
        row = self.decommission(allow_live_migrate=False)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual((0, 1), (self.nova.count('live_migrate'),
                                  self.nova.count('cold_migrate')))

    def test_open_migrations(self):
        """AP10: named, and nothing is touched."""
        self.nova.records.append(self.migration())
        row = self.decommission()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('7 (migration, finished, server vm9)', row['result'])
        self.assertEqual('enabled', self.source.status)

    def migration(self, **values):
        return types.SimpleNamespace(**{
            'id': 7, 'server_id': 'vm9', 'type': 'migration',
            'status': 'finished', 'source': 'src', 'destination': 'dst1',
            'updated_at': self.clock.utcnow(), **values})

    def test_open_migrations_are_awaited(self):
        """AP10: with wait."""
        record = self.migration()
        self.nova.records.append(record)
        self.clock.at(50, lambda: vars(record).update(status='confirmed'))
        row = self.decommission(wait=True)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertGreater(self.clock.now - 1000, 50)

    def test_open_migrations_for_ever(self):
        self.config(group='host_tasks', open_migration_timeout=100)
        self.nova.records.append(self.migration())
        row = self.decommission(wait=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertEqual('enabled', self.source.status)

    def test_node_without_power_control(self):
        """Its nova-compute has to be stopped by hand first."""
        self.tools.power.node_of_host = lambda context, host: None
        row = self.decommission()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('stop it and decommission the host again',
                      row['result'])
        self.assertEqual('enabled', self.source.status)
        self.task_id = None
        self.source.alive = False
        self.assertEqual('SUCCESS', self.decommission()['status'])

    def test_cinder(self):
        self.volume_service()
        self.volume_service('src', 'cinder-backup')
        self.volume_service('src1@lvm')
        row = self.decommission()
        self.assertEqual({'src@lvm': 'disabled', 'src': 'disabled',
                          'src1@lvm': 'enabled'}, {
            item.host: item.status
            for item in self.tools.cinder.service_list})
        self.assertIn('cinder-manage can', row['result'])

    def test_database_of_cinder(self):
        self.volume_service()
        self.tools.cinder_db.configured = True
        row = self.decommission()
        self.assertEqual(['src'], self.tools.cinder_db.removed)
        self.assertIn('2 service(s) of Cinder removed', row['result'])

    def test_cloud_without_cinder(self):
        self.tools.cinder.missing = True
        self.assertEqual('SUCCESS', self.decommission()['status'])


class UndoTestCase(DecommissionCase):
    """Until the service is removed, a failure leaves all as it was."""

    def untouched(self):
        self.assertEqual(('enabled', None), (self.source.status,
                                             self.source.disabled_reason))
        self.assertEqual(['power_on'], self.power_states(self.node))
        self.assertEqual([], self.placement.deleted)
        self.assertIn('src', self.nova.aggregate_list[0].hosts)
        self.assertIsNone(self.found_node()['condition_reason'])

    def test_nova_refuses(self):
        """Switched off already: switched on and enabled again."""
        self.nova.script['delete_service', 'src'] = [fakes.REFUSED]
        row = self.decommission()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('delete_service', row['result'])
        self.untouched()

    def test_power_off_fails(self):
        def fail(node, run):
            raise exception.TaskFailed(reason='the BMC is dead')

        self.tools.power.switch_off = fail
        self.assertIn('the BMC is dead', self.decommission()['result'])
        self.untouched()

    def test_server_that_stays(self):
        self.nova.add('vm1', vm_state='error')
        self.assertEqual('FAILURE', self.decommission()['status'])
        self.untouched()

    def test_cancelled(self):
        self.nova.add('vm1')
        self.nova.slow['vm1'] = 30
        self.clock.at(5, lambda: self.cancel())
        self.assertEqual('REVOKED', self.decommission()['status'])
        self.untouched()

    def test_disabled_before(self):
        self.source.status = 'disabled'
        self.nova.add('vm1', vm_state='error')
        self.decommission()
        self.assertEqual('disabled', self.source.status)


class AgainTestCase(DecommissionCase):
    """What failed after the point of no return can be done again."""

    def test_allocations_are_left(self):
        self.placement.left['src'] = True
        self.placement.allocations_of_provider = lambda uuid: {'c1': {}}
        row = self.decommission()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('still has allocations of: c1', row['result'])
        self.assertNotIn('src', self.nova.computes)
        self.task_id = None
        del self.placement.allocations_of_provider
        row = self.decommission(service_gone=True)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(['rp-src'], self.placement.deleted)
        self.assertEqual(0, self.found_node()['condition'])

    def test_killed_everywhere(self):
        """The service is removed once; the end is always the same."""
        def prepare():
            self.nova.add('vm1')
            self.placement.deleted.clear()

        def check(where):
            for request in ('delete_service', 'live_migrate',
                            'disable_service'):
                self.assertEqual(1, self.nova.count(request),
                                 (request, where))
            self.assertNotIn('src', self.nova.computes, where)
            self.assertEqual(['power_off'], self.power_states(self.node),
                             where)
            self.assertLessEqual(len(self.driver.asked), 2, where)

        kills = self.walk(prepare, lambda: self.create(
            'host.decommission', **MOVE), check)
        self.assertNotIn(0, kills.values())
        self.assertGreater(kills[walks.WRITE], 8)
