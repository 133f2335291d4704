# SPDX-License-Identifier: Apache-2.0
"""A conductor is killed at every crossing of a flow, once at each.

A crossing is where what is known and what is so part: before a write of the
task, before a request to the cloud or to a device arrives, and after one was
carried out that nobody has noted yet. Chance finds some of them often and
others never; a walk finds each of them once.
"""

import itertools
import threading

import fixtures
import sqlalchemy as sa

from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.db import models
from cloudmanager.power import fake
from cloudmanager.power import registry
from cloudmanager.tests.unit.conductor import fakes_case

WRITE = 'write'
REQUEST, ARRIVED = 'request', 'request that arrives'
DEVICE, OBEYED = 'request to a device', 'request that a device obeys'
KINDS = (WRITE, REQUEST, ARRIVED, DEVICE, OBEYED)


class MortalDriver(fake.FakeDriver):
    """Devices of a conductor that may die at a request to one of them.

    :ivar asked: requests that were carried out
    :ivar sent: how many were sent
    :ivar kill_at: number of the request, and whether it is carried out
    :ivar on_reset: called when a device has reset its node
    """

    def __init__(self, nova):
        super().__init__()
        self._nova = nova
        self.on_reset = lambda: None
        self.begin()

    def begin(self):
        """Forget what was done; all outputs are switched on."""
        self.asked, self.sent, self.kill_at = [], 0, None
        self._memory.clear()

    def _out(self):
        if self._nova.dead:
            raise engine_run.HandOver()

    def _request(self, what, function, *args):
        self._out()
        self.sent += 1
        killed = self.kill_at is not None and self.kill_at[0] == self.sent
        self._nova.dead = killed
        if killed and not self.kill_at[1]:
            raise engine_run.HandOver()
        function(*args)
        self.asked.append(what)
        self._out()

    def state(self, device, output):
        self._out()
        return super().state(device, output)

    def power_on(self, device, output):
        self._request('on', super().power_on, device, output)

    def power_off(self, device, output, soft=False):
        self._request('soft' if soft else 'off', super().power_off, device,
                      output, soft)

    def reset(self, device, output):
        self._request('reset', self._reset, device, output)

    def _reset(self, device, output):
        super().reset(device, output)
        self.on_reset()


class WalkCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.config(group='power', fake_state_dir='', on_spacing=0.0)
        self.driver = MortalDriver(self.nova)
        self.useFixture(fixtures.MockPatchObject(
            registry, 'get', lambda device: self.driver))
        # Threads die with their conductor, without a word about it.
        original = threading.excepthook
        self.useFixture(fixtures.MockPatchObject(
            threading, 'excepthook', lambda args: (
                None if args.exc_type is engine_run.HandOver
                else original(args))))

    def start_over(self, prepare):
        """Set all back to where nothing was done."""
        for table in (models.TaskItem, models.TaskTarget, models.Task):
            self.execute(sa.delete(table))
        self.task_id = None
        self.nova.reset()
        self.driver.begin()
        prepare()

    def walk(self, prepare, begin, check, status='SUCCESS'):
        """Kill a conductor at every crossing; each time another goes on.

        :param prepare: makes the cloud
        :param begin: creates the task
        :param check: called at the end of each task
        :param status: how each task must end; ``check`` looks at it if
            ``None``
        :returns: how many kills there were, by the kind of crossing
        """
        kills = dict.fromkeys(KINDS, 0)
        for kind in KINDS:
            for number in itertools.count(1):
                self.start_over(prepare)
                begin()
                died = self._live_until(kind, number)
                if died:
                    self.revive()
                    self.run_flow()
                row = self.row()
                where = f'killed at {kind} {number}: {row["result"]}'
                if status is not None:
                    self.assertEqual(status, row['status'], where)
                check(where)
                if not died:
                    break
                kills[kind] += 1
        return kills

    def revive(self):
        """Let another conductor take the place of the dead one."""
        self.nova.revive()
        self.driver.kill_at = None

    def _live_until(self, kind, number):
        """Run a flow until its conductor dies; tell whether it did."""
        run = self.mortal(number if kind == WRITE else None)
        if kind in (REQUEST, ARRIVED):
            self.nova.kill_at = (number, kind == ARRIVED)
        elif kind in (DEVICE, OBEYED):
            self.driver.kill_at = (number, kind == OBEYED)
        try:
            self.run_flow(run)
        except engine_run.HandOver:
            self.assertTrue(self.nova.dead)
            return True
        return False
