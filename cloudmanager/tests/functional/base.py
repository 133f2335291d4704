# SPDX-License-Identifier: Apache-2.0
"""The whole API over a real database; only the conductor is not there."""

import json
from typing import Any
import uuid

import fixtures
from keystoneauth1 import fixture as auth_fixture
from keystonemiddleware import fixture as token_fixture
import webtest

from cloudmanager.api import app
from cloudmanager.api import backends
from cloudmanager.clients import session as cm_session
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base

ROLES = {'admin': ['admin'], 'reader': ['cloudmanager_reader'],
         'stranger': ['member']}


class Conductor(fixtures.Fixture):
    """Stands at the place of the client to the conductors.

    :ivar posted: ids of the tasks that were announced
    :ivar checked: what was asked before actions on hosts and servers
    :ivar refreshed: MAC addresses whose boot files may be out of date
    :ivar servers: ids of all servers; any id is one when it is ``None``
    :ivar aggregates: ids of all aggregates; any id is one when it is ``None``
    :ivar post_error: raised instead of taking an announcement
    :ivar check_error: raised instead of an answer
    :ivar reserved: ids and flags of the nodes that were to be reserved
    :ivar health_error: raised instead of the health of a node
    :ivar metadata: system metadata by server
    :ivar facts: what agents tell of their nodes, by host
    :ivar targets: what actions on nodes act on besides
    :ivar discovered: what is told of any storage
    :ivar attached: targets by storage, by host
    :ivar domains: ids of domains, and how often each was configured
    :ivar backends: documents of the back ends of volumes
    :ivar volumes: documents of volumes, with their ids as ``id``
    :ivar warnings: of the list of volumes
    """

    def _setUp(self) -> None:
        self.posted: list[str] = []
        self.checked: list[tuple[str, str, dict[str, Any]]] = []
        self.refreshed: list[list[str]] = []
        self.reserved: list[tuple[int, bool]] = []
        self.metadata: dict[str, dict[str, str]] = {}
        self.domains: dict[str, int] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self.discovered: dict[str, Any] = {'targets': {}, 'warnings': []}
        self.attached: dict[str, dict[str, list[str]]] = {}
        self.backends: list[dict[str, Any]] = []
        self.volumes: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.servers: set[str] | None = None
        self.aggregates: set[int] | None = None
        self.post_error: Exception | None = None
        self.check_error: Exception | None = None
        self.health_error: Exception | None = None
        self.plan: dict[str, Any] = {'host': 'cmp1', 'moves': []}
        self.targets: list[str] = []
        self.params: dict[str, Any] = {}
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.rpcapi.ConductorAPI', lambda: self))
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.rpcapi.BootFilesAPI', lambda: self))

    def run_task(self, context: Any, task_id: str) -> None:
        if self.post_error is not None:
            raise self.post_error
        self.posted.append(task_id)

    def refresh(self, context: Any, macs: list[str]) -> None:
        if self.post_error is not None:
            raise self.post_error
        self.refreshed.append(macs)

    def node_health(self, context: Any, node_id: int) -> dict[str, Any]:
        if self.health_error is not None:
            raise self.health_error
        return {'node_id': node_id, 'status': 'ok', 'devices': []}

    def check_host_action(self, context: Any, action: str, host: str,
                          params: dict[str, Any]) -> dict[str, Any]:
        self.checked.append((action, host, dict(params)))
        if self.check_error is not None:
            raise self.check_error
        if params.get('dry_run'):
            return {'plan': self.plan}
        return {'params': self.params}

    def reserve_node(self, context: Any, node_id: int,
                     is_reserved: bool) -> None:
        self.reserved.append((node_id, is_reserved))
        if self.check_error is not None:
            raise self.check_error
        db_nodes.update_node(context, node_id, {'is_reserved': is_reserved})

    def check_server_action(self, context: Any, action: str, server_id: str,
                            params: dict[str, Any]) -> dict[str, Any]:
        self.checked.append((action, server_id, dict(params)))
        if self.check_error is not None:
            raise self.check_error
        if self.servers is not None and server_id not in self.servers:
            raise exception.ServerNotFound(server=server_id)
        return {'host': 'cmp1'}

    def check_node_action(self, context: Any, action: str, node_id: int,
                          params: dict[str, Any]) -> dict[str, Any]:
        self.checked.append((action, str(node_id), dict(params)))
        if self.check_error is not None:
            raise self.check_error
        return {'plan': self.plan, 'targets': self.targets}

    def discover_targets(self, context: Any, node_id: int,
                         storage_id: int) -> dict[str, Any]:
        if self.check_error is not None:
            raise self.check_error
        for known in (node_id, storage_id):
            db_nodes.get_columns(context, known)
        return self.discovered

    def attached_targets(self, context: Any,
                         host: str) -> dict[str, list[str]]:
        if host not in self.attached:
            raise exception.AgentUnreachable(
                host=host, reason='it is away', last_contact='never')
        return self.attached[host]

    def node_facts(self, context: Any,
                   hosts: list[str]) -> dict[str, dict[str, Any]]:
        if self.check_error is not None:
            raise self.check_error
        return {host: self.facts.get(host, {'reason': 'it is away.'})
                for host in hosts}

    def list_volume_backends(self, context: Any) -> list[dict[str, Any]]:
        if self.check_error is not None:
            raise self.check_error
        return self.backends

    def list_volumes(self, context: Any) -> dict[str, Any]:
        if self.check_error is not None:
            raise self.check_error
        return {'volumes': [
            {name: value for name, value in volume.items()
             if not name.startswith('lock')} for volume in self.volumes],
            'warnings': self.warnings}

    def show_volume(self, context: Any, volume_id: str) -> dict[str, Any]:
        if self.check_error is not None:
            raise self.check_error
        for volume in self.volumes:
            if volume['id'] == volume_id:
                return volume
        raise exception.VolumeNotFound(volume=volume_id)

    def check_volume_action(self, context: Any, action: str, volume_id: str,
                            params: dict[str, Any]) -> dict[str, Any]:
        self.checked.append((action, volume_id, dict(params)))
        self.show_volume(context, volume_id)
        return {'host': 'stor1', 'plan': {'host': 'stor1'},
                'targets': [f'volume:{volume_id}', *(
                    ['vg:uuid'] if action == 'pv-migrate' else [])]}

    def backtest_aggregate(self, context: Any, aggregate_id: int,
                           params: dict[str, Any]) -> dict[str, Any]:
        self.checked.append(('backtest', str(aggregate_id), dict(params)))
        if self.check_error is not None:
            raise self.check_error
        replay = {'threshold': 0.05, 'minimum_gain': 0.01,
                  'source_floor': 0.2, 'max_load': 0.9, 'max_moves': 50,
                  'moves': 4, 'most_moved': 1, 'deviation': 0.1, 'gain': 0.1}
        return {'rounds': 24, 'unknown': 0, 'unreached': 0,
                'deviation': 0.2,
                'present': replay, 'asked': replay}

    def check_task_action(self, context: Any, action: str, task_id: str,
                          params: dict[str, Any]) -> dict[str, Any]:
        self.checked.append((action, task_id, dict(params)))
        if self.check_error is not None:
            raise self.check_error
        return {'plan': self.plan}

    def check_aggregate_action(self, context: Any, action: str,
                               aggregate_id: int,
                               params: dict[str, Any]) -> dict[str, Any]:
        self.checked.append((action, str(aggregate_id), dict(params)))
        if self.check_error is not None:
            raise self.check_error
        if self.aggregates is not None and aggregate_id not in (
                self.aggregates):
            raise exception.AggregateNotFound(aggregate=aggregate_id)
        return {}

    def _server(self, server_id: str) -> dict[str, str]:
        if self.check_error is not None:
            raise self.check_error
        if server_id not in self.metadata:
            raise exception.ServerNotFound(server=server_id)
        return self.metadata[server_id]

    def show_system_metadata(self, context: Any,
                             server_id: str) -> dict[str, str]:
        return dict(self._server(server_id))

    def update_system_metadata(self, context: Any, server_id: str,
                               metadata: dict[str, str]) -> None:
        self._server(server_id).update(metadata)

    def remove_system_metadata(self, context: Any, server_id: str,
                               key: str) -> None:
        if key not in self._server(server_id):
            raise exception.MetadataNotFound(server=server_id, key=key)
        del self.metadata[server_id][key]

    def show_domain_store(self, context: Any) -> str:
        if self.check_error is not None:
            raise self.check_error
        return 'file'

    def configure_domain(self, context: Any, domain_id: str) -> None:
        if self.check_error is not None:
            raise self.check_error
        if domain_id not in self.domains:
            raise exception.DomainNotFound(domain=domain_id)
        self.domains[domain_id] += 1


class ApiTestCase(base.DbTestCase):
    """Requests with the token of an administrator, if not said otherwise."""

    auth_strategy = 'keystone'

    def setUp(self) -> None:
        super().setUp()
        self.config(group='api', auth_strategy=self.auth_strategy)
        self.config(group='keystone_authtoken',
                    www_authenticate_uri='http://keystone.example')
        secrets.create_key()
        self._forget_cloud()
        self.conductor = self.make_conductor()
        self.tokens = self.make_tokens()
        self.app = self.make_app()

    def _forget_cloud(self) -> None:
        """Know no cloud, whatever the environment says."""
        for name in ('OS_CLOUD', 'OS_AUTH_URL'):
            self.useFixture(fixtures.EnvironmentVariable(name))
        for module in (cm_session, backends):
            module.reset()
            self.addCleanup(module.reset)

    def make_conductor(self) -> Any:
        """Return who stands for the conductors."""
        return self.useFixture(Conductor())

    def make_tokens(self) -> dict[str, str]:
        """Return tokens that the middleware takes for valid."""
        known = self.useFixture(token_fixture.AuthTokenFixture())
        for name, roles in ROLES.items():
            known.add_token_data(
                token_id=f'{name}-token', user_id=f'{name}-id',
                user_name=name, project_id='project', role_list=roles)
        system = auth_fixture.V3Token(user_id='system-id')
        system.add_role(name='admin')
        system.set_system_scope()
        known.add_token(system, 'system-token')
        return {name: f'{name}-token' for name in (*ROLES, 'system')}

    @staticmethod
    def make_app() -> webtest.TestApp:
        return webtest.TestApp(app.build())

    def call(self, method: str, path: str, body: Any = None,
             status: int | None = None, user: str | None = 'admin',
             headers: dict[str, str] | None = None) -> Any:
        """Send a request.

        :param body: a document, or bytes as they are
        :param status: checked; by default anything goes
        """
        headers = dict(headers or {})
        if user is not None:
            headers['X-Auth-Token'] = self.tokens[user]
        if body is not None:
            headers.setdefault('Content-Type', 'application/json')
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
        answer = self.app.request(path, method=method, headers=headers,
                                  body=body or b'', expect_errors=True)
        if status is not None:
            self.assertEqual(status, answer.status_int, answer.text)
        if answer.status_int >= 300:
            self.check_error(answer, with_body=method != 'HEAD')
        return answer

    def get(self, path: str, **kwargs: Any) -> Any:
        """Return the document of a path."""
        return self.call('GET', path, status=200, **kwargs).json

    def error(self, method: str, path: str, body: Any = None,
              status: int = 400, **kwargs: Any) -> dict[str, Any]:
        """Send a request that must fail; return its error."""
        answer = self.call(method, path, body, status, **kwargs)
        return answer.json['errors'][0]

    def check_error(self, answer: Any, with_body: bool = True) -> None:
        """Check the one form of errors."""
        self.assertIn('X-OpenStack-Request-ID', answer.headers)
        self.assertEqual('application/json', answer.content_type)
        if not with_body:
            self.assertEqual(b'', answer.body)
            return
        self.assertEqual(['errors'], list(answer.json))
        (error,) = answer.json['errors']
        # Only the error of a host without a place for its servers has more.
        more = {'plan'} if error['code'].endswith('.no_place') else set()
        self.assertEqual({'status', 'code', 'title', 'detail',
                          'request_id'}, set(error) - more)
        self.assertEqual(answer.status_int, error['status'])
        self.assertEqual(answer.headers['X-OpenStack-Request-ID'],
                         error['request_id'])
        self.assertRegex(error['code'], r'^cloudmanager(\.[a-z_]+)+$')
        self.assertTrue(error['title'] and error['detail'])

    # What tests begin with

    def node(self, **values: Any) -> dict[str, Any]:
        """Create a node."""
        return self.call('POST', '/v1/nodes/', {'node': values},
                         201).json['node']

    def control(self, control_type: str = 'FakeDevice',
                protocol_type: str = 'fake', **values: Any
                ) -> dict[str, Any]:
        """Create a power control."""
        body = {'control_type': control_type, 'host': '10.0.0.1',
                'protocol_type': protocol_type, 'port_number': 1}
        return self.call('POST', '/v1/power-controls/',
                         {'power_control': {**body, **values}},
                         201).json['power_control']

    def assign(self, node_id: int, control_id: int, port: str | int = '1',
               **values: Any) -> dict[str, Any]:
        """Assign an output of a power control to a node."""
        return self.call(
            'POST', f'/v1/nodes/{node_id}/power-controls/',
            {'power_control_id': control_id, 'power_control_port': port,
             **values}, 201).json['power_control']

    def powered_node(self, **values: Any) -> dict[str, Any]:
        """Create a node with a power control of its own."""
        node = self.node(**values)
        control = self.control(host=f'bmc{node["id"]}')
        self.assign(node['id'], control['id'])
        return node

    def finish(self, task_id: str, status: str = db_tasks.SUCCESS,
               **values: Any) -> None:
        """End a task as a conductor would."""
        task = db_tasks.get_task(self.context, task_id)
        db_tasks.finish(self.context, task_id, task['generation'], status,
                        **values)

    @staticmethod
    def uuid() -> str:
        return str(uuid.uuid4())
