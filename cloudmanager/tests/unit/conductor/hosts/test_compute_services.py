# SPDX-License-Identifier: Apache-2.0
"""Disabling and enabling services of Nova, and what follows a task."""

import threading

import fixtures
from keystoneauth1 import exceptions as ks_exc

from cloudmanager.clients import retry
from cloudmanager.common import exception
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_outcomes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fakes_case


class DisableTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(
            compute_services, 'LOOK_SECONDS', 0.05))
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.plain = self.nova.disable_service

    def disable(self, **kwargs):
        compute_services.disable(self.nova, self.nova.service('src'), 'why',
                         **kwargs)

    def hang(self, before=True):
        """Let Nova call a host that died a moment ago."""
        def disable(service_id, reason):
            if before:
                self.plain(service_id, reason)
            self.release.wait(10)

        self.nova.disable_service = disable

    def test_disable(self):
        self.disable()
        self.assertEqual(('disabled', 'why'), (
            self.nova.service('src').status,
            self.nova.service('src').disabled_reason))

    def test_unexpected_error(self):
        """Whatever goes wrong is told, not waited for without end."""
        def disable(service_id, reason):
            raise RuntimeError('unexpected')

        self.nova.disable_service = disable
        self.assertRaises(RuntimeError, self.disable)

    def test_dead_host(self):
        """The status is there; that the host hears of it is not awaited."""
        self.hang()
        self.disable()
        self.assertEqual('disabled', self.nova.service('src').status)

    def test_enabled_by_somebody_meanwhile(self):
        """A request that times out later is not repeated."""
        asked = []

        def request(service_id, reason):
            asked.append(reason)
            self.plain(service_id, reason)
            self.release.wait(10)
            raise ks_exc.ConnectTimeout()

        self.nova.disable_service = lambda *args: retry.call(
            retry.Kind.IDEMPOTENT, 'Nova', 'disable service', request, *args)
        self.disable()
        (thread,) = [thread for thread in threading.enumerate()
                     if thread.name == 'disabled']
        self.nova.enable_service(self.nova.service('src').id)
        self.release.set()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        self.assertEqual(['why'], asked)
        self.assertEqual('enabled', self.nova.service('src').status)

    def test_enable_on_a_dead_host(self):
        self.disable()
        plain = self.nova.enable_service

        def enable(service_id):
            plain(service_id)
            self.release.wait(10)

        self.nova.enable_service = enable
        compute_services.enable(self.nova, self.nova.service('src'))
        self.assertEqual('enabled', self.nova.service('src').status)
        self.assertFalse(self.release.is_set())

    def test_may_go_on_no_more(self):
        self.hang(before=False)

        def proceed():
            raise exception.LeaseLost(task='t')

        self.assertRaises(exception.LeaseLost, self.disable,
                          proceed=proceed)

    def test_removed_meanwhile(self):
        self.hang(before=False)
        self.assertRaises(exception.HostNotFound, self.disable,
                          proceed=lambda: self.nova.computes.pop('src',
                                                                 None))


class AfterTaskTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.node = db_nodes.create_node(self.context, {
            'name': 'src', 'hypervisor_id': 'rp-src'})['id']

    def condition(self):
        return db_nodes.get_node(self.context, self.node)['condition']

    def test_host(self):
        run = self.run_of()
        self.nova.disable_service('id-src', 'why')
        db_tasks.finish(self.context, run.task_id, run.generation,
                        db_tasks.FAILURE)
        db_nodes.update_node(self.context, self.node, {'condition': 1})
        compute_services.after_task(run, lambda: self.tools)
        self.assertEqual(2, self.condition())

    def test_host_that_was_removed(self):
        run = self.run_of()
        del self.nova.computes['src']
        compute_services.after_task(run, lambda: self.tools)
        self.assertEqual(0, self.condition())

    def test_nodes(self):
        """Without a cloud too."""
        other = db_nodes.create_node(self.context, {'name': 'b'})['id']
        for params in ({'node_id': other}, {'node_ids': [other]}):
            db_nodes.update_node(self.context, other, {
                'condition': 1, 'power_state': 'power_off'})
            power_outcomes.keep(self.context, None, {},
                                off_wanted={other: True})
            self.task_id = None
            run = self.run_of('node.power', host=None, **params)
            db_tasks.finish(self.context, run.task_id, run.generation,
                            db_tasks.SUCCESS)
            compute_services.after_task(run, None)
            self.assertEqual(2, db_nodes.get_node(
                self.context, other)['condition'])
