# SPDX-License-Identifier: Apache-2.0
"""Agents on nodes that are not there, for conductors."""

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run


class FakeAgents:
    """Agents whose nodes are in memory.

    :ivar away: whether they are out of reach
    :ivar sent: operations, in the order in which they arrived
    :ivar modes: actual values by mode
    :ivar reasons: why a mode cannot be set, by mode
    :ivar conflict: why the node refuses a plan
    :ivar jobs: by id, how often each was begun
    :ivar state: how jobs stand that were begun
    :ivar die_at: the number of the call at which the conductor is killed,
        before it has an effect, or after it when it is negative
    """

    def __init__(self):
        self.away = False
        self.sent = []
        self.modes = dict.fromkeys(('snmp', 'ssh', 'nodesafe'), False)
        self.reasons = {}
        self.conflict = None
        self.jobs = {}
        self.state = 'done'
        self.code = 0
        self.reboot_required = True
        self.die_at = None
        self._calls = 0

    def call(self, context, host, operation, arguments, *, timeout=None):
        self._calls += 1
        if self._calls == self.die_at:
            raise engine_run.HandOver()
        if self.away:
            raise exception.AgentUnreachable(host=host, reason='it is away',
                                             last_contact='never')
        self.sent.append(operation)
        found = getattr(self, '_' + operation.replace('.', '_'))(**arguments)
        if self._calls == -(self.die_at or 0):
            raise engine_run.HandOver()
        return found

    def tell(self, context, host, operation, arguments):
        self.call(context, host, operation, arguments)

    def _modes_plan(self, settings):
        if self.conflict is not None:
            raise exception.Conflict(reason=self.conflict)
        return {mode: [f'run: {mode}'] for mode in settings}

    def _modes_apply(self, generation, settings):
        for mode, value in settings.items():
            if mode not in self.reasons:
                self.modes[mode] = value
        return {'generation': generation, 'modes': {
            mode: {'actual': self.modes.get(mode),
                   'reason': self.reasons.get(mode)} for mode in settings}}

    def _packages_plan(self):
        return {'commands': ['apt-get upgrade'], 'packages': ['libc6']}

    def _packages_upgrade(self, job):
        if job not in self.jobs:
            self.jobs[job] = 1
        return self._packages_status(job)

    def _packages_status(self, job):
        state = self.state if job in self.jobs else 'unknown'
        if callable(state):
            state = state()
        return {'state': state, 'code': self.code, 'output': 'Setting up\n',
                'reboot_required': self.reboot_required}
