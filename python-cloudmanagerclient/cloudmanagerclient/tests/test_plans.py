# SPDX-License-Identifier: Apache-2.0
"""Plans of volumes, agents and ways back, for people and programs.

There is neither a cloud nor an agent, so their answers are played.
"""

import json

from cloudmanagerclient.tests import plans
from cloudmanagerclient.tests import test_hosts

VOLUME = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'


class PlansTestCase(test_hosts.HostCase):

    def planned(self, path, plan, line):
        """Return a plan as a table, as JSON, and what is told beside it."""
        self.play('POST', path, [{'plan': plan}])
        table = self.run_command(f'{line} --dry-run')
        self.assertIsNone(table.error)
        machine = self.run_command(f'{line} --dry-run -f json')
        self.assertTrue(self.played.last_request.json()['dry_run'])
        return (table.stdout.getvalue(),
                json.loads(machine.stdout.getvalue()),
                machine.stderr.getvalue(), machine.code)

    def test_mirror(self):
        table, found, told, _ = self.planned(
            f'/volumes/{VOLUME}/actions/mirror', plans.MIRROR,
            f'volume mirror {VOLUME} 1')
        self.assertIn('lvconvert --mirrors 1 cinder-volumes/volume-1', table)
        self.assertEqual(
            ['logical_volume', 'volume_group', 'host', 'size', 'copies_now',
             'copies_then', 'command'], list(found))
        self.assertEqual((1, 2, plans.MIRROR['command'], ''), (
            found['copies_now'], found['copies_then'], found['command'],
            told))

    def test_nothing_to_do(self):
        _, found, told, _ = self.planned(
            f'/volumes/{VOLUME}/actions/mirror',
            {**plans.MIRROR, 'command': [], 'copies': 1},
            f'volume mirror {VOLUME} 0')
        self.assertEqual([], found['command'])
        self.assertEqual('Nothing would be done.\n', told)

    def test_migrate(self):
        plan = {name: plans.MIRROR[name] for name in (
            'host', 'vg_name', 'lv_name', 'size')}
        table, found, _, _ = self.planned(
            f'/volumes/{VOLUME}/actions/pv-migrate',
            {**plan, 'command': ['pvmove', '/dev/a'], 'source_pv': '/dev/a',
             'dest_pv': None},
            f'volume migrate {VOLUME} --source /dev/a')
        self.assertIn(' pvmove /dev/a ', table)
        self.assertEqual(('/dev/a', None),
                         (found['source'], found['destination']))

    def test_undo(self):
        """A row for each server: those that come back, and those that stay."""
        task = plans.UNDO['task_id']
        _, rows, told, code = self.planned(
            f'/tasks/{task}/actions/undo', plans.UNDO, f'task undo {task}')
        self.assertEqual([
            ('web1', 'cmp2', 'live-migrate', 'cmp1', None),
            ('web2', None, 'stay', None, 'it was deleted')],
            [tuple(row.values()) for row in rows])
        self.assertIn('1 would come back, 1 would stay.', told)
        self.assertEqual(0, code)
        _, rows, _, code = self.planned(
            f'/tasks/{task}/actions/undo', {**plans.UNDO, 'moves': []},
            f'task undo {task} --long')
        self.assertEqual((1, 'id-of-web2'), (code, rows[0]['ID']))

    def test_steps(self):
        """Each step of an agent has its line."""
        node = self.node().name
        table, found, _, _ = self.planned(
            f'/nodes/{node}/actions/enable-snmp',
            {'host': node, 'changes': {'snmp': True},
             'steps': ['write a file', 'run: systemctl enable snmpd']},
            f'node snmp enable {node}')
        lines = [line.split('|')[2].strip() for line in table.splitlines()
                 if '|' in line]
        self.assertLess(lines.index('write a file'),
                        lines.index('run: systemctl enable snmpd'))
        self.assertIn('snmp: True', lines)
        self.assertEqual(2, len(found['steps']))

    def test_no_steps(self):
        node = self.node().name
        _, _, told, _ = self.planned(
            f'/nodes/{node}/actions/enable-snmp',
            {'host': node, 'changes': {'snmp': True}, 'steps': []},
            f'node snmp enable {node}')
        self.assertEqual('Nothing would be done.\n', told)

    def test_locks(self):
        """A lock has a line with what is known of it."""
        node = self.node().name
        table, found, _, _ = self.planned(
            f'/nodes/{node}/actions/repair-locks',
            {'host': node, 'steps': ['free what cmp2 holds'], 'locks': [
                {'lock': 'vg/a', 'owners': ['cmp2', 'cmp3'], 'free': False,
                 'reason': None}], 'unprotected': []},
            f'node lock repair {node}')
        self.assertIn('lock: vg/a, owners: cmp2 cmp3, free: False', table)
        self.assertEqual(['cmp2', 'cmp3'], found['locks'][0]['owners'])
