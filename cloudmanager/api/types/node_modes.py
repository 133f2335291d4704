# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions that a node's agent carries out, and its modes."""

from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Choice
from cloudmanager.domain import node_modes

CUSTOM = node_modes.CUSTOM


class DryRun(Resource):
    """Whether to plan only."""

    dry_run = common.flag('Only tell what would be written and run on the '
                          'node; nothing is touched.')


class Force(DryRun):
    """Whether safety counts."""

    force = common.flag('Do it though it is refused for safety; false by '
                        'default.')


class CPUMode(DryRun):
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
                                  'only; one that the node knows.')


class LogRedirection(DryRun):
    """Where logs go."""

    log_redirection_hostname = Field(
        formats.Host(), create=True, required=True, nullable=False,
        description='Name or address of the host that gets the logs.')


class Plan(Resource):
    """What an action would do."""

    plan = Field(Object(lines=True), nullable=False,
                 description='What a dry run found: steps (what would be '
                             'written and run) with what they are for.')


ANSWERS = {202: None, 200: Plan}
