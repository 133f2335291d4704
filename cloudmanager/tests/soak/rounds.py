# SPDX-License-Identifier: Apache-2.0
"""Runs a round: work is begun, disturbed, and what came of it is checked."""

import collections
import contextlib
import dataclasses
import time
from typing import Any

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration.slots import equal
from cloudmanager.tests.soak import disturber
from cloudmanager.tests.soak import flows
from cloudmanager.tests.soak import flows_servers
from cloudmanager.tests.soak import plans
from cloudmanager.tests.soak import scene as soak_scene

FLOWS = {'drain': flows.Drain, 'evacuate': flows.Evacuate,
         'restart': flows.Restart, 'decommission': flows.Decommission,
         'power': flows.Power, 'servers': flows_servers.Servers}
LOOK_SECONDS = 0.1
# All tasks must have ended so long after the last disturbance.
END_SECONDS = 120
# Leases of tasks that ended in an outage run out within this time.
LEFT_SECONDS = 20
# A takeover that nothing else disturbs may take so long.
TAKEOVER_SECONDS = 10


@dataclasses.dataclass
class Result:
    """What came of a round.

    :ivar begun: whether its tasks were begun; otherwise the reason is in
        ``findings``, and the service is not to blame
    :ivar findings: what is wrong
    :ivar takeovers: seconds, of those that only one disturbance met
    :ivar all_takeovers: seconds, of all
    """

    plan: plans.Plan
    what: str = ''
    begun: bool = False
    seconds: float = 0.0
    events: list[disturber.Event] = dataclasses.field(default_factory=list)
    findings: list[str] = dataclasses.field(default_factory=list)
    takeovers: list[float] = dataclasses.field(default_factory=list)
    all_takeovers: list[float] = dataclasses.field(default_factory=list)


class Round:
    """One round on a scene."""

    def __init__(self, scene: soak_scene.Scene, plan: plans.Plan) -> None:
        self._scene = scene
        self._cloud = scene.cloud
        self._plan = plan
        self._flow = FLOWS[plan.flow](scene, plan.draw)
        self._result = Result(plan, plan.flow)

    def run(self) -> Result:
        """Run it; never raises for what goes wrong in it."""
        result, begun_at = self._result, time.monotonic()
        try:
            self._flow.prepare()
            result.what = str(self._flow)
            self._before = self._scene.actions()
            self._switches = self._scene.switches()
            self._off = {name for name in self._scene.nodes
                         if self._scene.is_off(name)}
            self._flow.begin()
            result.begun = True
        except Exception as exc:
            result.findings.append(f'not begun: {_text(exc)}')
        if result.begun:
            self._disturb()
            for check in (self._check_tasks, self._flow.check,
                          self._check_servers, self._check_hosts,
                          self._check_power, self._check_left):
                self._note(check)
        self._tidy()
        result.seconds = time.monotonic() - begun_at
        return result

    def _note(self, check: Any) -> None:
        try:
            check()
        except Exception as exc:
            self._result.findings.append(_text(exc))

    def _disturb(self) -> None:
        """Let the disturbances come until the tasks have ended."""
        result = self._result
        with disturber.Disturber(self._scene.crew, self._scene.relays,
                                 self._plan) as found:
            deadline = None
            while not self._ended():
                if deadline is None and not found.runs:
                    deadline = time.monotonic() + END_SECONDS
                if deadline is not None and time.monotonic() > deadline:
                    result.findings.append(
                        f'tasks did not end within {END_SECONDS} s')
                    break
                time.sleep(LOOK_SECONDS)
        result.events = found.events
        result.takeovers = found.alone()
        result.all_takeovers = found.takeovers.seconds
        for name in found.deserters:
            result.findings.append(f'{name} ended by itself in mid-work')
        if found.error is not None:
            result.findings.append(f'disturber: {_text(found.error)}')
        if max(result.takeovers, default=0) > TAKEOVER_SECONDS:
            result.findings.append(
                f'taken over after {max(result.takeovers):.1f} s')
        self._note(self._scene.crew.wait)

    def _ended(self) -> bool:
        # Those that were begun, and those that they began.
        return not self._scene.crew.tasks()

    # Checks

    def _check_tasks(self) -> None:
        for task_id in self._flow.tasks:
            task = cloud.wait(lambda task_id=task_id: self._task(task_id),
                              60, 'the API answers')
            self._flow.check_task(task)
            open_items = [item for item in task['items']
                          if item['state'] in ('PENDING', 'RUNNING')]
            equal([], open_items, 'open items')

    def _task(self, task_id: str) -> Any:
        answer = self._scene.client.request('GET', f'/v1/tasks/{task_id}')
        return answer.json() if answer.status_code == 200 else None

    def _check_servers(self) -> None:
        """Nothing is lost, nothing was asked twice, nothing is locked."""
        found, after = self._cloud.all_servers(), self._scene.actions()
        equal(set(), set(self._before) - set(found), 'lost servers')
        for server_id in self._before:
            server = found[server_id]
            equal('ACTIVE', server.status, f'status of {server_id}')
            equal(None, getattr(server, 'OS-EXT-STS:task_state'),
                  f'task of {server_id}')
            equal(False, server.locked, f'lock of {server_id}')
            # Nova notes the end of some actions a moment later; what was
            # asked is noted at once.
            equal(self._flow.expected[server_id] + collections.Counter(),
                  after[server_id] - self._before[server_id],
                  f'what Nova was asked for {server_id}')

    def _check_hosts(self) -> None:
        for host in cloud.COMPUTES:
            if host in self._flow.gone:
                continue
            service = self._cloud.service(host)
            equal('disabled' if host in self._flow.disabled else 'enabled',
                  service.status, f'status of {host}')
            equal(host in self._flow.down, service.forced_down,
                  f'forced_down of {host}')

    def _check_power(self) -> None:
        """Off is what is to be off, and nothing was switched but that."""
        off = self._flow.off | (self._off - set(self._flow.switches))
        for name in self._scene.nodes:
            equal(name in off, self._scene.is_off(name), f'{name} is off')
        for name, after in self._scene.switches().items():
            sent = collections.Counter(after[len(self._switches[name]):])
            most = collections.Counter(self._flow.switches.get(name, ()))
            equal(collections.Counter(), sent - most,
                  f'{name} was told without need, or twice')

    def _check_left(self) -> None:
        """No target is held, no job is left on the board."""
        equal((), tuple(self._scene.query('SELECT target FROM task_targets')),
              'targets')
        cloud.wait(lambda: not self._scene.query('SELECT uuid FROM jobs'),
                   LEFT_SECONDS, 'no job is left', 0.2)

    # Afterwards

    def _tidy(self) -> None:
        try:
            if self._result.begun:
                self._flow.clean()
            if not self._result.findings:
                return
        except Exception as exc:
            self._result.findings.append(f'not cleaned up: {_text(exc)}')
        self._note(self._reset)

    def _reset(self) -> None:
        """Give the next round a new cloud, whatever this one has left."""
        for row in self._scene.crew.tasks():
            with contextlib.suppress(Exception):
                self._scene.client.request(
                    'POST', f'/v1/tasks/{row}/actions/cancel', {})
        with contextlib.suppress(AssertionError):
            cloud.wait(lambda: not self._scene.crew.tasks(), END_SECONDS,
                       'tasks end', 0.5)
        for name in self._scene.nodes:
            self._scene.switch_on(name)
        for host, machine in self._scene.machines.items():
            if self._cloud.service(host).state != 'up':
                cloud.minicloud('kill', host)
                cloud.minicloud('run', host)
            machine.assume_on()
        self._cloud.restore_hosts()
        self._scene.source = None
        self._cloud.clear()
        self._scene.project.clear()


def _text(exc: Exception) -> str:
    return f'{type(exc).__name__}: {exc}'
