# SPDX-License-Identifier: Apache-2.0
"""Runs of tasks on a fake cloud and a real database."""

import functools
import threading

import fixtures

from cloudmanager.common import secrets
from cloudmanager.conductor import actions
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.conductor.engine import persistence
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.engine import worker as engine_worker
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.power import nodes as power_steps
from cloudmanager.conductor.records.hosts import HostMemory
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.steps import hosts as host_steps
from cloudmanager.db import api as db_api
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import query as common_query
from cloudmanager.planning.terms import Action
from cloudmanager.tests import base
from cloudmanager.tests import clocks
from cloudmanager.tests.unit.conductor import fakes

DRAIN = host_steps.DRAIN_ACTIONS
EVACUATION = frozenset((Action.EVACUATE,))
PASSWORD = 'S3cret-Of-The-BMC'
# By the URL of the database: those of tests that have ended have all
# statements compiled.
_persistence = {}


def everything():
    """Return the query of a list without filters."""
    return common_query.Query()


class MortalRun(engine_run.Run):
    """A run whose process is killed before one of its writes.

    :ivar writes: how many there were
    :ivar die_at: the number of the write before which it dies
    """

    die_at = None
    nova = None

    def __init__(self, *args):
        super().__init__(*args)
        self.writes = 0

    def _count(self):
        self.writes += 1
        if self.nova.dead or self.writes == self.die_at:
            self.nova.dead = True
            raise engine_run.HandOver()

    def keep(self, memory):
        if memory.changes(self._memory):
            self._count()
        super().keep(memory)

    def add_items(self, new):
        self._count()
        super().add_items(new)

    def save(self, changed):
        self._count()
        super().save(changed)


class ConductorCase(base.DbTestCase):
    """One task at a time, on the hosts src, dst1 and dst2."""

    def setUp(self):
        super().setUp()
        self.clock = clocks.simulate(self)
        self.logger = self.useFixture(fixtures.FakeLogger())
        self.nova = fakes.FakeNova(self.clock)
        self.placement = fakes.FakePlacement(self.nova)
        self.tools = conductor_tools.Tools(
            nova=self.nova, placement=self.placement,
            power=power_steps.NodePower(), neutron=fakes.FakeNeutron(),
            cinder=fakes.FakeCinder(),
            cinder_db=fakes.FakeCinderDatabase())
        self.task_id = None
        # These hosts share their storage, unless a test says otherwise.
        self.config(group='host_tasks', poll_interval=1.0,
                    shared_storage=['all'])
        self.config(group='power', fake_state_dir=str(self.directory))

    # Tasks and runs

    def create(self, name='host.shutdown', host='src', **params):
        task, _ = db_tasks.create_task(
            self.context, name, targets=[f'host:{host}'], params=params,
            host=host)
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        return task

    def run_of(self, name='host.shutdown', kind=engine_run.Run, **params):
        """Create a task when there is none yet, and claim it."""
        if self.task_id is None:
            self.create(name, **params)
        task = db_tasks.claim(self.context, self.task_id, self.token, 'me')
        return kind(self.context, task, threading.Event())

    def mortal(self, die_at=None, **kwargs):
        run = self.run_of(kind=MortalRun, **kwargs)
        run.nova, run.die_at = self.nova, die_at
        return run

    def row(self):
        return db_tasks.get_task(self.context, self.task_id)

    def items(self):
        """Return the items of the task by server."""
        found = db_tasks.items(self.context, [self.task_id])[self.task_id]
        return {item['object_id']: item for item in found}

    def rewrite(self, item_id, **values):
        """Write to an item what its row may have had before."""
        db_tasks.update_item(self.context, self.task_id,
                             self.row()['generation'], item_id, values)

    def move(self, server_id='vm1'):
        """Return what is remembered of the move of a server."""
        return MoveItem.from_row(self.items()[server_id])

    def states(self):
        return {key: item['state'] for key, item in self.items().items()}

    # Parts of flows

    def plan(self, run):
        step = (host_steps.PlanEvacuation if run.name == 'host.evacuate'
                else host_steps.PlanMoves)
        step(run, self.tools).do()

    def drive(self, run, actions=DRAIN):
        mover.Mover(run, self.tools, actions, source=run.host).drive()

    def drain(self, **params):
        """Plan and move; return the items by server."""
        run = self.run_of(**params)
        self.plan(run)
        self.drive(run)
        return self.items()

    def dead_host(self, host='src'):
        """Let a host be dead, fenced and forced down."""
        self.nova.die(host)
        self.nova.computes[host].forced_down = True

    def evacuate(self, **params):
        run = self.run_of('host.evacuate', **params)
        self.plan(run)
        self.drive(run, EVACUATION)
        return self.items()

    def remember(self, run, **values):
        """Have the task of a host remember something."""
        memory = run.recall(HostMemory)
        for name, value in values.items():
            setattr(memory, name, value)
        run.keep(memory)

    # Whole flows

    def run_flow(self, run=None, **kwargs):
        """Run the task's flow as a conductor does; return its row."""
        run = run or self.run_of(**kwargs)
        made = engine_worker.Worker('me', lambda found: actions.get(
            found.name).flow(found, self.tools))
        made._engine, made._backend = self._persistence
        made._execute(run)
        return self.row()

    @functools.cached_property
    def _persistence(self):
        """Where TaskFlow keeps flows; a conductor makes it once as well."""
        if self.url not in _persistence:
            engine = db_api.create_engine()
            _persistence[self.url] = (engine, persistence.Backend(engine))
        engine, backend = _persistence[self.url]
        self.addCleanup(engine.dispose)
        return engine, backend

    def survive(self, run, successor):
        """Run a flow whose process may die; let another one go on.

        :param successor: makes the run of the other conductor
        :returns: the row of the task
        """
        try:
            return self.run_flow(run)
        except engine_run.HandOver:
            self.nova.revive()
            return self.run_flow(successor())

    def cancel(self, running='finish'):
        db_tasks.request_cancel(self.context, self.task_id, running)

    # Power

    def add_power(self, host='src', outputs=('1',), **values):
        """Enrol the node of a host, fed by outputs of fake devices."""
        self.config(group='secrets', key_repository=str(
            self.directory / 'keys'))
        secrets.create_key()
        node = db_nodes.create_node(self.context, {'name': host})
        for number, output in enumerate(outputs, 1):
            control = db_power_controls.create_control(self.context, {
                'title': f'c{number}', 'control_type': 'FakeDevice',
                'protocol_type': 'fake', 'host': f'10.0.0.{number}',
                'port_number': 1, 'login': 'admin',
                'password': secrets.encrypt(PASSWORD), **values})
            db_power_controls.assign(self.context, node['id'], {
                'power_control_id': control['id'],
                'power_control_port': output})
        return db_nodes.get_node(self.context, node['id'])

    def feeds(self, node):
        return power_steps.NodePower.feeds(self.context, node)

    def power_states(self, node):
        return [feed.read() for feed in self.feeds(node)]
