# SPDX-License-Identifier: Apache-2.0
"""Runs of tasks on single servers."""

from cloudmanager.conductor import actions
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import walks

ACTIONS = ('balance', 'recover', 'repair', 'reset-reboot', 'wakeup')


class ServerCase(walks.WalkCase):
    """Actions on the server vm1."""

    def create(self, name='server.repair', host='src', **params):
        return self.begin(name.partition('.')[2], params, host)

    def begin(self, action, params, host='src'):
        """Create the task of an action.

        :param params: of the request
        """
        task, _ = db_tasks.create_task(
            self.context, f'server.{action}', targets=['server:vm1'],
            params=params, host=host, server_id='vm1')
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        return task

    def act(self, action, status='SUCCESS', **params):
        """Run a task to its end; return its result."""
        self.begin(action, params)
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        return row['result']

    def check(self, action, **params):
        """Do what is done before there is a task."""
        return actions.check(f'server.{action}')(
            self.context, self.tools, 'vm1', params)

    @property
    def vm(self):
        return self.nova.vms['vm1']

    def item(self):
        return self.items()['vm1']

    def asked(self):
        """Return what was asked of the server, in order."""
        return [request for request, target in self.nova.arrived
                if target == 'vm1']

    # Crashes

    def kill_everywhere(self, action, prepare, check, status='SUCCESS',
                        **params):
        """Kill a conductor at every crossing; see ``walks``.

        :param prepare: makes the cloud
        :param check: called at the end of each task
        :returns: how many kills there were
        """
        return sum(self.walk(prepare, lambda: self.begin(action, params),
                             check, status).values())

    def give_up(self, request, *outcomes):
        self.nova.script[request, 'vm1'] = list(outcomes)

    def dead(self, proof=True):
        """Let the server's host be down, and its node be off."""
        self.nova.die('src', seen_down=True)
        self.nova.computes['src'].alive = False
        if proof:
            self.tools = type(self.tools)(**{
                **vars(self.tools), 'power': Off(self.tools.power)})


class Off:
    """Power in a world where every node is off already."""

    def __init__(self, power, is_off=True):
        self.power = power
        self.off = is_off
        self.asked = 0

    def node_of_host(self, context, host):
        return {'id': 1, 'name': host}

    def is_off(self, node, run):
        self.asked += 1
        return self.off


LOST, FAILS = fakes.LOST, fakes.FAILS
