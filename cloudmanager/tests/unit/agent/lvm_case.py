# SPDX-License-Identifier: Apache-2.0
"""Operations of an agent on logical volumes, on a fake LVM."""

import types

import fixtures

from cloudmanager.agent import commands
from cloudmanager.agent import operations
from cloudmanager.agent.volumes import changes  # noqa: F401
from cloudmanager.agent.volumes import works
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run


class AtOnce(works.Works):
    """Changes that are carried out before the request for them ends."""

    def _start(self, *args):
        self._run(*args)


class FakeAgents:
    """Stands in the place of ``agent.rpcapi.AgentAPI``.

    The operations are those of the agent. It may be out of reach, and the
    conductor may die at a request to it.

    :ivar asked: operations that arrived, with their arguments
    :ivar silent: whether the agents do not answer
    :ivar kill_at: number of the changing request at which the conductor
        dies, and whether that one still arrives
    :ivar on_die: called then
    """

    def __init__(self, lvm, hosts=('stor1',)):
        self.lvm, self.hosts = lvm, hosts
        self.on_die = lambda: None
        self.is_dead = lambda: False
        self.begin()

    def begin(self):
        """Begin anew."""
        self.lvm.begin()
        self.asked, self.kill_at, self.sent = [], None, 0
        self.silent = False
        self.restart_agent()

    def restart_agent(self):
        """Let a new agent take the place of the one that was there."""
        self.agent = types.SimpleNamespace(volumes=AtOnce(), host='stor1')

    def call(self, context, host, operation, arguments, *, timeout=None):
        if self.is_dead():
            raise engine_run.HandOver()
        if self.silent or host not in self.hosts:
            raise exception.AgentUnreachable(
                host=host, reason='it did not answer', last_contact='never')
        changing = operation.endswith(('.begin', '.cancel', '.end'))
        self.sent += changing
        killed = (changing and self.kill_at is not None
                  and self.kill_at[0] == self.sent)
        if killed and not self.kill_at[1]:
            self.on_die()
            raise engine_run.HandOver()
        answer = self._answer(operation, arguments)
        if killed:
            self.on_die()
            raise engine_run.HandOver()
        return answer

    def tell(self, context, host, operation, arguments):
        raise NotImplementedError

    def _answer(self, operation, arguments):
        self.asked.append((operation, arguments))
        body = operations.carry_out(self.agent, {
            'operation': operation, 'arguments': arguments})
        error = body.get('error')
        if error is None:
            return body['result']
        raise getattr(exception, error['class'])(
            error['text'], **error['arguments'])

    def count(self, operation):
        """Return how often an operation was asked for."""
        return sum(name == operation for name, _ in self.asked)


def install(case, lvm):
    """Have the agent's commands carried out by a fake LVM."""
    case.useFixture(fixtures.MockPatchObject(commands, 'run', lvm.run))
