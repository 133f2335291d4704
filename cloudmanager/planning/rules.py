# SPDX-License-Identifier: Apache-2.0
"""Which servers are never rebuilt, by rules of an operator.

A rule is ``project:<id>``, ``flavor:<name>``, ``image:<id>``, ``tag:<tag>``,
``metadata:<key>`` or ``metadata:<key>=<value>``. All but the kind is taken
literally, capitals included.
"""

import collections.abc

from cloudmanager.planning import options as opts
from cloudmanager.planning import terms
from cloudmanager.planning.cloud import model

#: Code of servers that a rule keeps from a rebuild.
NEVER = 'never-evacuate'


def _matches(rule: str, server: model.Server) -> bool:
    kind, _, value = rule.partition(':')
    if kind == 'tag':
        return value in server.tags
    if kind == 'metadata':
        key, equals, wanted = value.partition('=')
        return key in server.metadata and (
            not equals or server.metadata[key] == wanted)
    return bool(value) and value == {
        'project': server.project_id, 'flavor': server.flavor,
        'image': server.image}.get(kind)


def first_match(rules: collections.abc.Iterable[str],
                server: model.Server) -> str:
    """The first rule that is about the server; empty when none is."""
    return next((rule for rule in rules if _matches(rule, server)), '')


def kept(server: model.Server, flags: opts.Options) -> terms.Blocker | None:
    """Why a rule keeps the server from being rebuilt, if one does."""
    rule = first_match(flags.never_evacuate, server)
    if not rule:
        return None
    return terms.Blocker(
        NEVER, f'it is not rebuilt: rule {rule} of [host_tasks] '
               'never_evacuate names it')
