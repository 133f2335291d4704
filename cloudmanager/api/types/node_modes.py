# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions that a node's agent carries out."""

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field

CUSTOM = 'custom'

FORCE = fields.Resource('', '', (
    Field('force', fields.BOOLEAN, create=True, nullable=False,
          description='Do it though it is refused for safety; false by '
                      'default.'),))
CPU_MODE = fields.Resource('', '', (
    Field('cpu_emulation_mode', create=True, required=True,
          schema={'enum': ['host-passthrough', 'host-model', CUSTOM]},
          description='Mode of the processors that servers see; null for '
                      'the default of Nova.'),
    Field('cpu_model', create=True, nullable=False, convert=formats.cpu_model,
          schema={'minLength': 1, 'maxLength': 64},
          description='Model of the processors, for custom only.'),
), rules={'if': {'properties': {'cpu_emulation_mode': {'const': CUSTOM}}},
          'then': {'required': ['cpu_model']},
          'else': {'not': {'required': ['cpu_model']}}})
LOG_REDIRECTION = fields.Resource('', '', (
    Field('log_redirection_hostname', create=True, required=True,
          nullable=False, convert=formats.host,
          description='Name or address of the host that gets the logs.'),))
