# SPDX-License-Identifier: Apache-2.0
"""Power controls."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types import nodes
from cloudmanager.api.types import values
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Choice
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Text
from cloudmanager.api.types.values import Time
from cloudmanager.domain import power_types


def _needed(datatype: values.Type, description: str) -> Field:
    """Return the fields that every power control has."""
    return Field(datatype, filtered=True, sortable=True, create=True,
                 update=True, required=True, nullable=False,
                 description=description)


class PowerControl(Resource):
    """A power control."""

    _about = About('power_control', 'power_controls')

    id = common.identity('Id of the power control.')
    time_created = Field(Time(), column='created_at',
                         aliases=('created_at',), sortable=True,
                         nullable=False, filtered=True,
                         description='When it was created.')
    time_updated = Field(Time(), column='updated_at',
                         description='When it was changed last.')
    title = Field(Text(), filtered=True, sortable=True, create=True,
                  update=True, nullable=False, description='Title; made of '
                  'protocol, type and address by default.')
    control_type = _needed(Choice(*power_types.all_types()),
                           'Type, one of the list of types.')
    protocol_type = _needed(Choice(*power_types.protocols()),
                            'Protocol; it follows from the type.')
    host = _needed(formats.Host(), 'Name or address.')
    port_number = _needed(formats.Port(), 'TCP or UDP port.')
    login = Field(Text(), create=True, update=True, description='Login.')
    password = Field(Text(1024), create=True, update=True, shown=False,
                     description='Password; never answered.')
    ssh_key = Field(Text(16000, lines=True), create=True, update=True,
                    shown=False, description='Private key, for SshDevice '
                                             'only; never answered.')
    # What may be in it depends on the control type. Certificates and host
    # keys have lines.
    options = Field(Object(lines=True), create=True, update=True,
                    description='Options of its type.')
    failures = Field(Integer(), sortable=True, nullable=False, filtered=True,
                     description='How many looks at it in a row have '
                                 'failed.')
    last_error = Field(Text(), description='What went wrong when it was '
                       'looked at or asked last, if anything did; begins '
                       'with a code such as cloudmanager.power.unreachable.')
    last_error_at = Field(Time(), description='When that was noticed last.')
    last_success_at = Field(Time(), description='When it was read last.')
    retry_at = Field(Time(), description='When it is looked at again, if it '
                                         'fails.')
    coil_map = Field(Object(), computed=True, nullable=False,
                     description='What each output feeds; null for a free '
                                 'one.')
    coils_count = Field(Integer(), computed=True, nullable=False,
                        description='Number of outputs.')
    used_coils_count = Field(Integer(), computed=True, nullable=False,
                             description='Number of outputs in use.')


ONE_CONTROL = answers.one(PowerControl)


class Types(Resource):
    """Types of power controls."""

    types = Field(List(List(Text())), nullable=False,
                  description='Pairs of type and protocol.')


class Protocols(Resource):
    """Protocols of power controls."""

    protocols = Field(List(Text()), nullable=False,
                      description='Names of protocols.')


class _Class(nodes.ClassName):
    _about = About(title='NodeClassWithTypes')

    node_types = Field([nodes.TypeName], nullable=False,
                       description='Types of the class.')


class _FedNode(nodes.BareNode):
    """A node as the list of a power control shows it."""

    _about = About(collection='nodes', title='FedNode')

    node_class = Field(_Class, computed=True, nullable=False,
                       description='Class of the node, with its types.')
    cloud_managers = Field([nodes.Assignment], nullable=False,
                           description='The same as node_controls.')
    controller_login = Field(Text(), description='Always null.')
    controller_password = Field(Text(), description='Always null.')


FED_NODES = answers.many(_FedNode)
