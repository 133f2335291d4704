# SPDX-License-Identifier: Apache-2.0
"""Audits of real aggregates, and their moves."""

import random
from typing import Any

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import kills
from cloudmanager.tests.integration import test_kills

#: Of each pair of hosts the first one is full, the other one empty.
PAIRS = (('cmp1', 'cmp2'), ('cmp3', 'cmp4'))
FULL = 6


class DrsTestCase(base.IntegrationCase):

    # Servers of the mini cloud are small beside its hosts.
    more = ('[drs]\nthreshold = 0.00001\nsource_floor = 0\n'
            'minimum_gain = 0\nmigration_load = 0\ncooldown = 0\n')

    def setUp(self) -> None:
        super().setUp()
        self.aggregates = []
        for number, hosts in enumerate(PAIRS):
            made = self.cloud.nova.aggregates.create(f'drs{number}', None)
            self.addCleanup(self._remove, made, hosts)
            for host in hosts:
                self.cloud.nova.aggregates.add_host(made, host)
            self.aggregates.append(made.id)

    def _remove(self, aggregate: Any, hosts: tuple[str, ...]) -> None:
        for host in hosts:
            self.cloud.nova.aggregates.remove_host(aggregate, host)
        self.cloud.nova.aggregates.delete(aggregate)

    def act(self, number: int, action: str, body: dict[str, Any]) -> Any:
        return self.client.request(
            'POST', f'/v1/aggregates/{self.aggregates[number]}/actions/'
                    f'{action}', body)

    def audit(self, number: int, **body: Any) -> dict[str, Any]:
        """Execute an audit; return it with all that it found."""
        found = self.act(number, 'execute-audit', body).json()['audit']
        return self.client.call('GET', f'/v1/audits/{found["id"]}')['audit']

    def counts(self) -> list[int]:
        return [len(self.cloud.servers_on(host))
                for pair in PAIRS for host in pair]

    def test_balances(self) -> None:
        """Two aggregates are balanced, and no server leaves its own."""
        servers = list(self.cloud.boot_each(
            {pair[0]: FULL for pair in PAIRS}).values())

        audit = self.audit(0)
        self.assertEqual('DONE', audit['status'], audit)
        self.assertEqual(FULL // 2, len(audit['moves']), audit)
        self.assertEqual(set(PAIRS[0]), set(audit['before']['hosts']))
        self.assertEqual([FULL, 0, FULL, 0], self.counts())

        # A plan whose cloud has changed is refused, and says why.
        (extra,) = self.cloud.boot(PAIRS[0][1], 1, 'extra')
        answer = self.act(0, 'apply-audit', {'audit_id': audit['id']})
        self.assertEqual(409, answer.status_code)
        self.assertIn(extra, answer.text)
        self.assertEqual([FULL, 1, FULL, 0], self.counts())

        audit = self.audit(0)
        task = self.finish(self.act(0, 'apply-audit', {
            'audit_id': audit['id']}).headers['Location'].rpartition('/')[2])
        self.assertIn(f'{len(audit["moves"])} of', task['result'])
        self.assertEqual([4, 3, FULL, 0], self.counts())
        audit = self.client.call('GET', f'/v1/audits/{audit["id"]}')['audit']
        self.assertEqual('APPLIED', audit['status'])
        self.assertLess(audit['reached']['deviations']['VCPU'],
                        audit['before']['deviations']['VCPU'] / 3)

        audit = self.audit(1, auto_apply=True)
        self.finish(audit['task_id'])
        self.assertEqual([4, 3, 3, 3], self.counts())
        moved = [server for some in servers for server in some
                 if self.cloud.actions(server, 'live-migration')]
        self.assertEqual(5, len(moved))
        for server in moved:
            self.assertEqual(1, len(self.cloud.actions(
                server, 'live-migration')))

        # Another audit finds nothing, which is an answer.
        audit = self.audit(1)
        self.assertEqual([], audit['moves'])
        self.assertIn('No beneficial move', audit['conclusion'])


class ContinuousDrsTestCase(DrsTestCase):
    """An aggregate balances itself, while conductors are killed."""

    conductors = 2
    more = DrsTestCase.more + (
        'policy_interval = 0.5\nmeasure_after = 1\nforeign_moves = 50\n'
        '[host_tasks]\nmax_moves = 1\n')

    def _of_policy(self) -> list[dict[str, Any]]:
        """Return the audits that the policy has asked for."""
        return self.client.call(
            'GET', f'/v1/audits?aggregate_id={self.aggregates[0]}'
                   '&continuous=true')['audits']

    def test_balances(self) -> None:
        servers = self.cloud.boot(PAIRS[0][0], FULL, 'busy')
        path = f'/v1/aggregates/{self.aggregates[0]}/policy'
        crew = kills.Crew(self.workers, self.installation.name)

        def holder() -> Any:
            return next(filter(crew.held, self.workers), None)

        with kills.Harasser(crew, random.Random(test_kills.seed_of(self)),
                            holder, 2.0, 3) as harasser:
            self.client.call('PUT', path, {'policy': {
                'mode': 'automatic', 'interval': 3600}})
            cloud.wait(lambda: any(audit['status'] == 'APPLIED'
                                   for audit in self._of_policy()),
                       120, 'the audit is applied', 0.5)
        self.assertGreater(harasser.kills, 0)
        self.client.call('PUT', path, {'policy': {'mode': 'off'}})
        (audit,) = self._of_policy()
        self.assertEqual([FULL // 2, FULL // 2, 0, 0], self.counts())
        moved = [server for server in servers
                 if self.cloud.actions(server, 'live-migration')]
        self.assertEqual(FULL // 2, len(moved))
        for server in moved:
            self.assertEqual(1, len(self.cloud.actions(
                server, 'live-migration')))

        def measured() -> dict[str, Any]:
            return self.client.call(
                'GET', f'/v1/audits/{audit["id"]}')['audit']

        cloud.wait(lambda: measured()['measured_at'], 30,
                   'its gain is measured', 0.5)
        found = measured()
        self.assertGreater(found['real_gain'], 0)
        self.assertAlmostEqual(found['predicted_gain'], found['real_gain'],
                               3)

        # All of it is undone, as it was planned.
        undo = f'/v1/tasks/{audit["task_id"]}/actions/undo'
        plan = self.client.call('POST', undo, {'dry_run': True})['plan']
        self.assertEqual(sorted(moved), sorted(
            move['server_id'] for move in plan['moves']))
        self.finish(self.client.request('POST', undo).json()['task_id'])
        self.assertEqual([FULL, 0, 0, 0], self.counts())
