# SPDX-License-Identifier: Apache-2.0
"""One move of a task, whose steps are taken by hand."""

from concurrent import futures
import datetime
import types

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.records.moves import Attempt
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action
from cloudmanager.tests import base
from cloudmanager.tests import clocks
from cloudmanager.tests.unit.conductor import fakes

SOURCE = 'src'


class Run:
    """Keeps what is written of items.

    :ivar saved: the rows, in the order of writing
    """

    task_id = 't1'

    def __init__(self):
        self.saved = []

    def is_owned(self):
        return True

    def save(self, item):
        self.saved.append(item.to_row())


class Calls(nova_calls.Calls):
    """Calls Nova at once, and takes what comes of it."""

    def __init__(self):
        pass

    def start(self, server_id, taker, function, *args):
        call = futures.Future()
        try:
            call.set_result(function(*args))
        except Exception as exc:
            call.set_exception(exc)
        taker(call)


class Ends:
    """Keeps how moves end.

    :ivar calls: name and arguments after the item, of each end
    :ivar asked: instance actions of the server
    """

    def __init__(self):
        self.calls = []
        self.asked = []
        self.cancel = None
        self.locked = False

    def __getattr__(self, name):
        return lambda item, *args: self.calls.append((name, *args))

    def actions(self, item):
        return self.asked

    def is_locked(self, server):
        return self.locked


class Record:
    """What Nova is known to say of the moves.

    :ivar migration: of the last attempt
    :ivar looks: arguments of the looks whether a server has left
    """

    def __init__(self):
        self.migration = None
        self.late = None
        self.present, self.locked, self.in_error = True, False, False
        self.left = True
        self.away = False
        self.answered_at = 0.0
        self.begun_at = datetime.datetime(2001, 1, 2)
        self.looks = []

    def _answer(self, value):
        if self.away:
            raise exception.CloudUnreachable(service='Nova', reason='503')
        return value

    def latest(self, item):
        return self.migration

    def migrations(self):
        self.migration = self.late

    def is_present(self, server_id):
        return self._answer(self.present)

    def is_locked(self, server_id):
        return self._answer(self.locked)

    def is_in_error(self, server_id, over_at):
        return self.in_error

    def has_left(self, server_id, over_at, soon):
        self.looks.append((over_at, soon))
        return self.left


class MoveCase(base.TestCase):
    """A live migration of the server vm1 off the host src."""

    def setUp(self):
        super().setUp()
        self.clock = clocks.simulate(self)
        self.nova = fakes.FakeNova(self.clock)
        self.nova.add('vm1')
        self.tools = types.SimpleNamespace(nova=self.nova)
        self.task, self.calls, self.ends = Run(), Calls(), Ends()
        self.record = Record()
        self.slots = order.Slots(order.Limits())
        self.config(group='host_tasks', move_timeout=100,
                    move_timeout_per_gib=0, stall_timeout=60, adopt_grace=10,
                    settle_timeout=60)

    def item(self, phase=Phase.FOLLOW, action=Action.LIVE, age=0.0, name='vm1',
             **values):
        """Return a move under way."""
        made = MoveItem(
            kind=ItemKind.SERVER, object_id=name, state=ItemState.RUNNING,
            action=action.value, ladder=[action],
            attempt=Attempt(phase=phase, asked_at=clock.utcnow()),
            **{'attempts': 1, **values})
        if age:
            self.clock.sleep(age)
        return made

    def migration(self, status, number=5, remaining=None):
        """Return Nova's record of the move."""
        return nova_records.Migration(
            id=number, server_id='vm1', type='live-migration', status=status,
            source=SOURCE, destination='dst1',
            memory_remaining_bytes=remaining)

    def ended(self, *names):
        """Check which ends there were."""
        self.assertEqual(list(names), [call[0] for call in self.ends.calls])

    def last(self):
        """Return the row that was written last."""
        return self.task.saved[-1]
