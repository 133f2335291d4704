# SPDX-License-Identifier: Apache-2.0
"""A service with one of everything, so that each operation has its objects.

The ids are those of the samples: of a fresh SQLite file they begin at 1.
"""

import functools
import re
from typing import Any

import jsonschema
import sqlalchemy as sa

from cloudmanager.api import openapi
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.functional import base
from cloudmanager.tests.functional.contract import operations
from cloudmanager.tests.functional.contract import schemas

AGGREGATE, AUDIT = 1, 99
# What paths name, if not told otherwise below.
PARAMETERS: dict[str, Any] = {
    'aggregate_id': AGGREGATE, 'audit_id': AUDIT,
    'availability_storage_id': 1, 'class_id': 1,
    'host_name': 'cmp1', 'image_id': 1, 'node_id': 1, 'power_action_id': 1,
    'power_control_id': 2, 'type_id': 1,
    'domain_id': 'default', 'removed': 'image_min_disk',
    'instance_uuid': '45bb8680-c070-4080-be45-ec4d2312eda8',
    'server_id': '0a5b4c11-83f1-4d7a-9a3b-5e0f6c1d2b7e',
    'volume_id': '32207733-3511-5faa-9882-c8db0b187cc3'}
# Operations that want another object than the others.
OTHERS: dict[str, dict[str, Any]] = {
    # Nothing may be in use that is deleted or renamed.
    'PUT /v1/node-classes/{class_id}': {'class_id': 2},
    'DELETE /v1/node-classes/{class_id}': {'class_id': 2},
    'DELETE /v1/node-classes/{class_id}/types/{type_id}': {'type_id': 3},
    'DELETE /v1/node-images/{image_id}': {'image_id': 2},
    'DELETE /v1/availability-storages/{availability_storage_id}': {
        'availability_storage_id': 2},
    'DELETE /v1/power-controls/{power_control_id}': {'power_control_id': 1},
    # The sample assigns the first control, which this node has not got.
    'POST /v1/nodes/{node_id}/power-controls/': {'node_id': 2},
}
# Bodies of operations whose sample does not fit what is there.
BODIES: dict[str, Any] = {
    'POST /v1/nodes/{node_id}/actions/discovery-nas': {'storage_id': 2}}
# Actions that only show something.
READING = ('/v1/aggregates/{aggregate_id}/actions/get-audit-status',
           '/v1/domains/actions/get-store')
# Required fields for which null is a value.
NULLABLE = (('POST /v1/nodes/{node_id}/actions/set-cpu-mode',
             'cpu_emulation_mode'),)


@functools.cache
def described() -> schemas.Schemas:
    """Return the schemas of the document, which no test changes."""
    return schemas.Schemas(openapi.document())


class ContractTestCase(base.ApiTestCase):

    def setUp(self) -> None:
        super().setUp()
        # Nobody is there to do it.
        self.config(group='power', batch_timeout=1.0)
        self.config(group='drs', audit_wait=0.0)
        self.furnish()
        self.schemas = described()

    def furnish(self) -> None:
        """Create one of everything."""
        for name in ('node1.example.org', 'node2.example.org'):
            self.node(name=name)
        for number in (1, 2):
            self.control(host=f'bmc{number}')
        self.assign(1, 2)
        self.call('POST', '/v1/node-images/', {'node_image': {
            'image_name': 'spare', 'file_data': 'localboot 0'}}, 201)
        for name in ('first', 'spare'):
            self.call('POST', '/v1/availability-storages/', {
                'availability_storage': {
                    'name': name, 'compute_path': '/mnt/a',
                    'controller_path': '/mnt/b'}}, 201)
        self.call('POST', '/v1/availability-storages/1/nodes/',
                  {'nodes': [1]}, 204)
        self.execute(sa.insert(models.PowerAction), [{
            'node_id': 1, 'power_control_id': 2, 'action': 'reset',
            'result': 'success', 'user_name': 'admin', 'duration': 1.5}])
        self.execute(sa.insert(models.Audit), [{
            'id': AUDIT, 'aggregate_id': AGGREGATE, 'status': 'DONE'}])
        self.conductor.servers = {PARAMETERS['server_id']}
        self.conductor.aggregates = {AGGREGATE}
        self.conductor.domains['default'] = 0
        self._add_volume()
        self.conductor.discovered = {
            'targets': {'192.0.2.2': ['volume-1']}, 'warnings': []}
        self.conductor.metadata[PARAMETERS['instance_uuid']] = {
            'image_base_image_ref': '5a0b8f1e-7c1d-4f43-8f0a-4c6e9d2b7a10',
            'image_container_format': 'bare', 'image_disk_format': 'qcow2',
            'image_min_disk': '10', 'image_min_ram': '0'}
        task, _ = db_tasks.create_task(self.context, 'host.shutdown',
                                       targets=['host:other'], params={})
        self.parameters = {**PARAMETERS, 'task_id': task['id']}

    def _add_volume(self) -> None:
        """Know a volume, and the back end that it is on."""
        logical = {
            'lv_name': f'volume-{PARAMETERS["volume_id"]}', 'vg_name': 'vol',
            'lv_attr': '-wi-------', 'lv_size': '1.00g', 'lv_uuid': 'XSOJgt',
            'mirror_count': '1',
            'devices': [{'pv': '/dev/mapper/mpathb', 'seg_size': '1.00g'}]}
        self.conductor.backends = [{
            'volume_backend_name': 'fast', 'host': 'stor1', 'vg_name': 'vol',
            'protocol': 'iscsi', 'free_size': '45', 'total_size': '46',
            'logical_volumes': [logical],
            'physical_volumes': [{
                'pv_name': '/dev/mapper/mpathb', 'vg_name': 'vol',
                'pv_attr': 'a--', 'pv_size': '46.00g',
                'pv_free': '45.00g'}]}]
        self.conductor.volumes = [{
            'id': PARAMETERS['volume_id'],
            'volume_id': PARAMETERS['volume_id'],
            'volume_backend_name': 'fast', 'host': 'stor1',
            'thin_enabled': False,
            'logical_volume': {**logical, 'lv_status': None},
            'lock_hosts': ['stor1'], 'lock_exclusive': True,
            'lock_reason': None}]

    def fill(self, promise: operations.Promise, **others: Any) -> str:
        """Return the path of an operation on things that exist."""
        values = (self.parameters | OTHERS.get(promise.operation, {})
                  | others)
        return re.sub(r'{(\w+)}', lambda found: str(values[found[1]]),
                      promise.path)

    def body(self, promise: operations.Promise) -> Any:
        """Return the sample of a request, an empty object without one."""
        found = BODIES.get(promise.operation, promise.sample_request)
        if found is None and promise.method in ('POST', 'PUT'):
            return {}
        return found

    def check(self, promise: operations.Promise, answer: Any) -> None:
        """Check that an answer is what the document says."""
        route = promise.route
        assert route is not None
        schema = self.schemas.answer(route.method, route.path,
                                     answer.status_int)
        if schema is None:
            self.assertEqual(b'', answer.body, promise.operation)
            return
        errors = [error.message for error in
                  jsonschema.Draft202012Validator(schema).iter_errors(
                      answer.json)]
        self.assertEqual([], errors, promise.operation)
