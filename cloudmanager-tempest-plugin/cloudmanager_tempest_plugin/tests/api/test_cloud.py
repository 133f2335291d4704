# SPDX-License-Identifier: Apache-2.0
"""Hosts, servers, aggregates, volumes, tasks and domains.

What the actions do to a cloud is for the scenarios; these tests touch nothing
in it.
"""

import uuid

from tempest.lib import decorators
from tempest.lib import exceptions as lib_exc

from cloudmanager_tempest_plugin.tests import base

CONF = base.CONF


class TasksTestCase(base.CloudManagerCase):

    @decorators.idempotent_id('e1b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_shown(self):
        """A task is found by its id, its node and its status."""
        node, _ = self.powered_node()
        task = self.finish(self.nodes.act(node['id'], 'power-on'))
        self.assertEqual('node.power', task['name'])
        self.assertIsNone(task['traceback'])
        for field in ('created_at', 'started_at', 'finished_at'):
            self.assertIsNotNone(task[field], field)
        for filters in ({}, {'status': 'SUCCESS'}, {'name': 'node.power'}):
            found = self.tasks.list(node_id=node['id'], **filters)
            self.assertEqual(task['id'], found[0]['id'])
        self.assertIn(task['id'], self.tasks.ids())
        self.assertNotIn(task['id'], [
            each['id'] for each in self.tasks.list(status='FAILURE')])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e1b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_refused(self):
        nothing = str(uuid.uuid4())
        self.assert_refused(base.NotFound, self.tasks.show, nothing,
                            code='task.not_found')
        self.assert_refused(base.NotFound, self.tasks.cancel, nothing)
        self.assert_refused(base.BadRequest, self.tasks.list, status='LATE')
        node, _ = self.powered_node()
        task = self.finish(self.nodes.act(node['id'], 'power-on'))
        self.assert_refused(base.Conflict, self.tasks.cancel, task['id'])


class HostsTestCase(base.CloudManagerCase):

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e2b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_no_such_host(self):
        name = self.name('host')
        for action in ('shutdown', 'evacuate', 'decommission'):
            self.assert_refused(base.NotFound, self.hosts.act, name, action)
            self.assert_refused(base.NotFound, self.hosts.plan, name, action)
        self.assert_refused(base.NotFound, self.hosts.restart, name)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e2b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_bad_flags(self):
        name = self.name('host')
        self.assert_refused(base.BadRequest, self.hosts.act, name,
                            'shutdown', gently=True, words='gently')
        self.assert_refused(base.BadRequest, self.hosts.act, name,
                            'shutdown', allow_off_vm='perhaps',
                            words='allow_off_vm')
        self.assert_refused(base.BadRequest, self.hosts.restart,
                            words='hosts')


class ServersTestCase(base.CloudManagerCase):

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e3b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_no_such_server(self):
        """The answer, or else the task, says that there is none."""
        nothing = str(uuid.uuid4())
        for action in ('balance', 'recover', 'repair', 'reset-reboot',
                       'wakeup', 'clone'):
            try:
                task_id = self.servers.act(nothing, action)
            except base.NotFound:
                continue
            task = self.finish(task_id, 'FAILURE')
            self.assertIn(nothing, str(task))

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e3b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_bad_values(self):
        nothing = str(uuid.uuid4())
        for count in (0, -1, 'two', 100000):
            self.assert_refused(base.BadRequest, self.servers.act, nothing,
                                'clone', count=count, words='count')
        self.assert_refused((base.BadRequest, base.NotFound),
                            self.servers.act, 'no-uuid', 'wakeup')

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e3b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_system_metadata(self):
        """Of a server that is not there nothing is told."""
        nothing = str(uuid.uuid4())
        wanted = (base.NotFound
                  if CONF.cloudmanager_feature_enabled.system_metadata
                  else lib_exc.UnexpectedResponseCode)
        self.assertRaises(wanted, self.servers.system_metadata, nothing)


class AuditsTestCase(base.CloudManagerCase):

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e4b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_nothing_there(self):
        self.assert_refused(base.NotFound, self.audits.execute, 2 ** 30)
        self.assert_refused(base.NotFound, self.audits.status, 2 ** 30, 1)
        self.assert_refused(base.NotFound, self.audits.apply, 2 ** 30, 1)
        self.assert_refused(base.NotFound, self.audits.show, 2 ** 30)
        self.assertEqual([], self.audits.list(aggregate_id=2 ** 30))


class VolumesTestCase(base.CloudManagerCase):

    @decorators.idempotent_id('e5b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_lists(self):
        """Lists are there with or without storage on LVM."""
        backends = self.volumes.backends()
        self.assertIsInstance(backends, list)
        for volume in self.volumes.list():
            self.assertIn('id', volume)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e5b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_no_such_volume(self):
        nothing = str(uuid.uuid4())
        self.assertRaises(base.NotFound, self.volumes.show, nothing)
        self.assertRaises(base.NotFound, self.volumes.act, nothing,
                          'mirror', {'mirror_count': 1})
        self.assertRaises(base.BadRequest, self.volumes.act, nothing,
                          'mirror', {'mirror_count': 'many'})


class DomainsTestCase(base.CloudManagerCase):

    @decorators.idempotent_id('e6b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_totp(self):
        found = self.service.call('GET', '/v1/domains/totp-allowed')
        self.assertIsInstance(found['totp_allowed'], bool)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('e6b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_no_such_domain(self):
        self.assertRaises(
            base.NotFound, self.service.call, 'POST',
            f'/v1/domains/{uuid.uuid4().hex}/actions/configure', {})
