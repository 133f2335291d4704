# SPDX-License-Identifier: Apache-2.0
"""What conductors answer, as it arrives over a message bus."""

import fixtures
import oslo_messaging as messaging

from cloudmanager.common import exception
from cloudmanager.common import rpc
from cloudmanager.conductor import rpcapi
from cloudmanager.conductor.hosts import reserve
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

SHUTDOWN = '/v1/hosts/cmp1/actions/shutdown'


class Endpoint:
    """A conductor that answers what it was told to."""

    target = messaging.Target(version=rpcapi.RPC_API_VERSION)

    def __init__(self):
        self.answer = {}
        self.posted = []
        self.contexts = []

    def run_task(self, context, task_id):
        self.contexts.append(context)
        self.posted.append(task_id)

    @messaging.expected_exceptions(exception.CloudManagerException)
    def check_host_action(self, context, action, host, params):
        self.contexts.append(context)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @messaging.expected_exceptions(exception.CloudManagerException)
    def reserve_node(self, context, node_id, is_reserved):
        reserve.set_reserved(context, None, node_id, is_reserved)


class BusTestCase(base.ApiTestCase):

    def make_conductor(self):
        rpc.cleanup()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.common.rpc._URL', None))
        rpc.init('fake://')
        self.addCleanup(rpc.cleanup)
        return Endpoint()

    def serve(self):
        server = rpc.get_server(rpc.CONDUCTOR_TOPIC, 'conductor1',
                                [self.conductor])
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)

    def test_task(self):
        self.serve()
        task_id = self.call('POST', SHUTDOWN, status=202).json['task_id']
        tests_base.wait_for(lambda: self.conductor.posted)
        self.assertEqual([task_id], self.conductor.posted)
        self.assertEqual({'admin-id'}, {context.user_id for context in
                                        self.conductor.contexts})

    def test_errors(self):
        """They arrive as what they are, without what is around them."""
        self.serve()
        for status, error in (
                (404, exception.HostNotFound(host='cmp1')),
                (409, exception.HostNotFenced(host='cmp1', reason='it is '
                                                                  'up')),
                (503, exception.CloudNotConfigured(setting='x')),
                (503, exception.CloudUnreachable(service='Nova',
                                                 reason='timeout'))):
            self.conductor.answer = error
            found = self.error('POST', SHUTDOWN, status=status)
            self.assertEqual((error.error_code, error.message),
                             (found['code'], found['detail']))

    def test_reserve_while_a_task_runs(self):
        """It is a 409 that tells who has the node (FP8)."""
        self.serve()
        node = self.node(name='cmp1')
        task, _ = db_tasks.create_task(
            self.context, 'node.power', targets=[f'node:{node["id"]}'],
            params={})
        found = self.error(
            'POST', f'/v1/nodes/{node["id"]}/actions/reserve',
            {'is_reserved': True}, status=409)
        self.assertEqual('cloudmanager.task.conflict', found['code'])
        for part in (task['id'], 'node.power', f'node:{node["id"]}'):
            self.assertIn(part, found['detail'])

    def test_internal_errors(self):
        self.serve()
        self.conductor.answer = RuntimeError('S3cret')
        self.assertNotIn('S3cret', str(
            self.error('POST', SHUTDOWN, status=500)))

    def test_nobody_answers(self):
        self.config(group='api', rpc_timeout=1)
        found = self.error('POST', SHUTDOWN, status=503)
        self.assertIn('conductor', found['detail'])
        node = self.powered_node(name='mnode1')
        self.call('POST', f'/v1/nodes/{node["id"]}/actions/reset',
                  status=202)
