# SPDX-License-Identifier: Apache-2.0
"""Tasks on volumes: a fake Cinder, and the agent's operations on a fake LVM.
"""

import dataclasses

from cloudmanager.clients import cinder
from cloudmanager.conductor import actions
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.agent import fake_lvm
from cloudmanager.tests.unit.agent import lvm_case
from cloudmanager.tests.unit.conductor import walks

ONE = 'cfae37a3-6e8f-4bc8-862e-85db07ff429f'
TWO = '0a5b4c11-83f1-4d7a-9a3b-5e0f6c1d2b7e'
POOL = 'stor1@lvm#vol'


def volume(key=ONE, host=POOL, **values):
    return cinder.Volume(**{
        'id': key, 'name': 'data', 'status': 'in-use', 'size_gb': 1,
        'host': host, 'zone': 'nova', 'bootable': False,
        'multiattach': False, 'servers': (), 'name_id': key, **values})


def pool(name=POOL, location='LVMVolumeDriver:stor1:vol:thin:0', **values):
    return cinder.Pool(**{
        'name': name, 'backend_name': 'fast', 'protocol': 'iSCSI',
        'location': location, **values})


class VolumeCase(walks.WalkCase):
    """A volume of 50 extents on /dev/sdb of the host stor1."""

    def setUp(self):
        super().setUp()
        self.lvm = fake_lvm.FakeLVM(self.clock)
        lvm_case.install(self, self.lvm)
        # What a walk kills at is a request to an agent here.
        self.driver = self.agents = lvm_case.FakeAgents(self.lvm)
        self.agents.on_die = self.die
        self.agents.is_dead = lambda: self.nova.dead
        self.cinder = self.tools.cinder
        self.cinder.pool_list = [pool()]
        self.cinder.volume_list = [volume(), volume(TWO)]
        self.tools = dataclasses.replace(self.tools, agents=self.agents)
        self.config(group='volumes', poll_interval=5.0)
        self.furnish()

    def furnish(self):
        """Put the volumes on devices."""
        self.lvm.add(f'volume-{ONE}', '/dev/sdb')
        self.lvm.add(f'volume-{TWO}', '/dev/sdc')

    def die(self):
        self.nova.dead = True

    def check(self, action, key=ONE, **params):
        """Do what is done before there is a task."""
        return actions.check(f'volume.{action}')(
            self.context, self.tools, key, params)

    def create(self, name='volume.mirror', host='stor1', **params):
        return self.begin(name.partition('.')[2], **params)

    def begin(self, action, key=ONE, **params):
        """Create the task of an action."""
        task, _ = db_tasks.create_task(
            self.context, f'volume.{action}', targets=[f'volume:{key}'],
            params={**params, 'volume_id': key}, host='stor1')
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        return task

    def act(self, action, status='SUCCESS', **params):
        """Run a task to its end; return its result."""
        self.begin(action, **params)
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        return row['result']

    def item(self):
        return self.items()[ONE]

    def on(self, key=ONE):
        """Return the devices with a copy of a volume."""
        return self.lvm.on(f'volume-{key}')

    def changes(self, program):
        """Return the commands of a program that LVM carried out."""
        return [words for words in self.lvm.changes if words[0] == program]
