# SPDX-License-Identifier: Apache-2.0
"""Many nodes at once, all of them or none."""

import pecan

from cloudmanager.api import boot_files
from cloudmanager.api import errors
from cloudmanager.api import routing
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import fields
from cloudmanager.api.types import nodes as node_types
from cloudmanager.api.types import reading
from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.policies import nodes as policies

FLAGS = node_types.FORCE | {
    'dry_run': 'Say what is wrong with the nodes, and create none.'}


@routing.route('POST', '/v1/nodes/actions/import', policies.CREATE,
               lines=node_types.Node, query=Parameters(flags=FLAGS),
               answers={201: node_types.IMPORTED, 200: node_types.IMPORTED},
               errors=(409,))
def import_nodes(call: routing.Call) -> routing.Document:
    """Create many nodes, or none if anything is wrong with one of them.

    The body has a node in each line: a JSON object without an envelope, or
    CSV with a header. Each thing that is wrong is an error of its own, with
    the number of its line. A dry run answers 200.
    """
    numbers, nodes, wrong = _read(call)
    if not (wrong or nodes):
        raise exception.Invalid(reason='The body has no nodes.')
    dry_run = call.flags['dry_run']
    if not wrong:
        created, refused = db_nodes.create_nodes(
            call.context, nodes, force=call.flags['force'],
            dry_run=dry_run)
        wrong = [(numbers[position], exc) for position, exc in refused]
    if wrong:
        raise errors.Several(wrong)
    if not dry_run:
        boot_files.changed(call.context, *(node.get('mac_address')
                                           for node in nodes))
    if dry_run:
        pecan.response.status_int = 200
    return {'nodes': [
        {'id': node_id, 'name': node.get('name')}
        for node_id, node in zip(created, nodes, strict=True)]}


def _read(call: routing.Call) -> tuple[list[int], list[models.Row],
                                       list[errors.InLine]]:
    """Return numbers of lines and their nodes, and what is wrong."""
    numbers: list[int] = []
    nodes: list[models.Row] = []
    wrong: list[errors.InLine] = []
    for number, found in call.lines:
        try:
            if isinstance(found, exception.Invalid):
                raise found
            nodes.append(reading.read_fields(node_types.Node, found,
                                             fields.CREATE))
            numbers.append(number)
        except exception.Invalid as exc:
            wrong.append((number, exc))
    return numbers, nodes, wrong
