# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions that a node's agent carries out."""

from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Choice

CUSTOM = 'custom'


class Force(Resource):
    """Whether safety counts."""

    force = common.flag('Do it though it is refused for safety; false by '
                        'default.')


class CPUMode(Resource):
    """What processors servers see."""

    _about = About(rules={
        'if': {'properties': {'cpu_emulation_mode': {'const': CUSTOM}}},
        'then': {'required': ['cpu_model']},
        'else': {'not': {'required': ['cpu_model']}}})

    cpu_emulation_mode = Field(
        Choice('host-passthrough', 'host-model', CUSTOM), create=True,
        required=True, description='Mode of the processors that servers '
                                   'see; null for the default of Nova.')
    cpu_model = Field(formats.CPU_MODEL, create=True, nullable=False,
                      description='Model of the processors, for custom '
                                  'only.')


class LogRedirection(Resource):
    """Where logs go."""

    log_redirection_hostname = Field(
        formats.Host(), create=True, required=True, nullable=False,
        description='Name or address of the host that gets the logs.')
