# SPDX-License-Identifier: Apache-2.0
"""What the parameters in paths are."""

from cloudmanager.api.types import formats
from cloudmanager.api.types import values


def _integer(description: str) -> values.Schema:
    return {'description': description,
            'schema': {'type': 'integer', 'minimum': 1,
                       'maximum': values.MAX_INTEGER}}


def _uuid(description: str) -> values.Schema:
    return {'description': description,
            'schema': {'type': 'string', 'pattern': formats.UUID_PATTERN}}


def _string(description: str) -> values.Schema:
    return {'description': description,
            'schema': {'type': 'string', 'minLength': 1}}


PARAMETERS: dict[str, values.Schema] = {
    'aggregate_id': _integer('Id of the host aggregate in Nova.'),
    'audit_id': _integer('Id of the audit.'),
    'availability_storage_id': _integer('Id of the availability storage.'),
    'class_id': _integer('Id of the node class.'),
    'domain_id': _string('Id of the domain in Keystone.'),
    'host_name': _string('Exact name of the compute host in Nova.'),
    'image_id': _integer('Id of the boot image.'),
    'instance_uuid': _uuid('Id of the server in Nova.'),
    'node_id': {'description': 'Id of the node, or its name.',
                'schema': {'type': 'string', 'pattern': '^([1-9][0-9]{0,8}|'
                           '[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)$'}},
    'power_action_id': _integer('Id of the power action.'),
    'power_control_id': _integer('Id of the power control.'),
    'removed': _string('Key of the system metadata.'),
    'server_id': _uuid('Id of the server in Nova.'),
    'task_id': _uuid('Id of the task.'),
    'type_id': _integer('Id of the node type.'),
    'volume_id': _uuid('Id of the volume in Cinder.'),
}

