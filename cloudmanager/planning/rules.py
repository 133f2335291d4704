# SPDX-License-Identifier: Apache-2.0
"""Rules by which an operator names servers that are never rebuilt.

A rule is ``project:<id>``, ``flavor:<name>``, ``image:<id>``, ``tag:<tag>``,
``metadata:<key>`` or ``metadata:<key>=<value>``. What follows the kind is
compared exactly, case included.
"""


from collections.abc import Iterable

from cloudmanager.planning import options as opts
from cloudmanager.planning import terms
from cloudmanager.planning.cloud import model

#: Code of the blocker for servers that a rule names.
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


def first_match(rules: Iterable[str],
                server: model.Server) -> str:
    """The first rule that names the server; empty when none does."""
    return next((rule for rule in rules if _matches(rule, server)), '')


def kept(server: model.Server, flags: opts.Options) -> terms.Blocker | None:
    """The blocker of a server that a rule keeps from being rebuilt, if any."""
    rule = first_match(flags.never_evacuate, server)
    if not rule:
        return None
    return terms.Blocker(
        NEVER, f'it is never rebuilt: it matches {rule} in [host_tasks] '
               'never_evacuate')
