# SPDX-License-Identifier: Apache-2.0
"""Tries other limits of audits on loads that were measured in the past."""

import dataclasses

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.audits import sources
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain import audit_policies
from cloudmanager.planning.drs import backtest
from cloudmanager.planning.drs import settings as drs_settings

CONF = cfg.CONF


def run(tools: Tools, aggregate_id: int, params: JsonObject) -> JsonObject:
    """Replay the loads of an aggregate.

    :param params: ``hours`` to look back, ``interval`` between audits in
        seconds, and limits of a policy
    :returns: the answer of the REST API
    :raises AggregateNotFound: Nova has no aggregate with this id
    :raises NothingMeasured: the source has no loads of that time
    :raises Unavailable: the source cannot be read
    """
    seen = picture.look(tools, aggregate_id)
    now, limits = clock.timestamp(), sources.limits()
    start, interval = now - params['hours'] * 3600, params['interval']
    found = sources.get(CONF.drs.source).samples(
        seen.cloud, seen.hosts, start - limits.window, now)
    past = backtest.Past(seen.cloud, seen.hosts, found, limits)
    times = [start + number * interval for number in range(
        1 + int(params['hours'] * 3600 // interval))]
    given: JsonObject = {name: params[name] for name in audit_policies.LIMITS
                         if params.get(name) is not None}
    asked = dataclasses.replace(seen.settings, rounds=1, **given)
    present = dataclasses.replace(seen.settings, rounds=1)
    still = _replay(past, times, dataclasses.replace(present, max_moves=0))
    if still.deviation is None:
        raise exception.NothingMeasured(aggregate=aggregate_id,
                                        hours=params['hours'],
                                        source=CONF.drs.source)
    return {
        'rounds': still.rounds, 'unknown': still.unknown,
        'deviation': round(still.deviation, 4),
        'present': _told(present, _replay(past, times, present),
                         still.deviation),
        'asked': _told(asked, _replay(past, times, asked), still.deviation)}


def _replay(past: backtest.Past, times: list[float],
            settings: drs_settings.Settings) -> backtest.Replay:
    return past.replay(times, settings, plans.plan_options({}),
                       backtest.Pauses(base=CONF.drs.cooldown,
                                       most=CONF.drs.cooldown_max))


def _told(settings: drs_settings.Settings, found: backtest.Replay,
          still: float) -> JsonObject:
    deviation = found.deviation or 0.0
    return {
        **{name: getattr(settings, name) for name in audit_policies.LIMITS},
        'moves': found.moves, 'most_moved': found.most_moved,
        'deviation': round(deviation, 4),
        'gain': round(still - deviation, 4)}
