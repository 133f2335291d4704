# SPDX-License-Identifier: Apache-2.0
"""Load of nodes and their guests, as their agents have reported it."""

from collections.abc import Collection
import dataclasses

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.domain import load_reports

_SAMPLE = models.LoadSample
_AGENT = models.Agent
_COLUMNS = (sa.select(_AGENT.host, _SAMPLE.at, _SAMPLE.load, _SAMPLE.guests,
                      _SAMPLE.reasons)
            .join(_AGENT, _AGENT.id == _SAMPLE.agent_id))


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """What was measured on a node until a moment, since the one before it.

    :ivar at: seconds since 1970, by the clock of the node
    :ivar host: values of the node, see ``load_reports.HOST``; ``None`` for
        what is not known
    :ivar guests: values of its guests by their ids, which are those of
        servers in Nova; see ``load_reports.GUEST``
    :ivar reasons: why something is not known, by its name
    """

    at: float
    host: load_reports.Values
    guests: dict[str, load_reports.Values]
    reasons: dict[str, str]


def _sample(row: models.Row) -> Sample:
    return Sample(row['at'], row['load'], row['guests'], row['reasons'])


@api.reader
def window(context: api.Context, hosts: Collection[str], start: float,
           end: float) -> dict[str, list[Sample]]:
    """Return the samples of some hosts in a span of time.

    :param hosts: exact names of the hosts of agents
    :param start: seconds since 1970, as is ``end``; both belong to it
    :returns: by host, in order of time; hosts without samples are not there
    """
    found: dict[str, list[Sample]] = {}
    wanted = set(hosts)
    for chunk in db_query.chunks(sorted(wanted)):
        for row in db_query.rows(context, _COLUMNS.where(
                _AGENT.host.in_(chunk), _SAMPLE.at.between(start, end))
                .order_by(_SAMPLE.agent_id, _SAMPLE.at)):
            # Some collations find more than was asked for.
            if row['host'] in wanted:
                found.setdefault(row['host'], []).append(_sample(row))
    return found


@api.reader
def latest(context: api.Context, hosts: Collection[str]
           ) -> dict[str, Sample]:
    """Return the newest sample of each of some hosts, however old it is.

    :param hosts: exact names of the hosts of agents
    :returns: by host; hosts without samples are not there
    """
    found: dict[str, Sample] = {}
    wanted = set(hosts)
    newest = (sa.select(sa.func.max(_SAMPLE.at))
              .where(_SAMPLE.agent_id == _AGENT.id)
              .correlate(_AGENT).scalar_subquery())
    for chunk in db_query.chunks(sorted(wanted)):
        for row in db_query.rows(context, _COLUMNS.where(
                _AGENT.host.in_(chunk), _SAMPLE.at == newest)):
            if row['host'] in wanted:
                found[row['host']] = _sample(row)
    return found


@api.writer
def purge(context: api.Context, seconds: float, batch: int = 1000) -> int:
    """Remove samples that are older than some seconds.

    :returns: how many
    """
    limit = clock.timestamp() - seconds
    old = context.session.execute(
        sa.select(_SAMPLE.agent_id, _SAMPLE.at)
        .where(_SAMPLE.at < limit).order_by(_SAMPLE.at).limit(batch)).all()
    if not old:
        return 0
    # By one bound instead of a list of keys: they are the oldest.
    return table.changed(
        context, sa.delete(_SAMPLE).where(_SAMPLE.at <= old[-1].at))
