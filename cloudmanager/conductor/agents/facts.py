# SPDX-License-Identifier: Apache-2.0
"""Facts about nodes that agents report on request."""


from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import parallel
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.tools import Agents

CONF = cfg.CONF
_WORKERS = 16


def hwinfo(context: RequestContext, agents: Agents,
           hosts: list[str]) -> dict[str, JsonObject]:
    """Ask the agents on some hosts for their hardware, all at the same time.

    This takes no longer than about two timeouts of one agent, however many
    agents do not answer.

    :returns: for each host, ``hwinfo``, or the ``reason`` why it is missing
    """
    limit = CONF.agent.rpc_timeout
    deadline = clock.monotonic() + limit

    def ask(host: str) -> JsonObject:
        if clock.monotonic() > deadline:
            return {'reason': 'too many agents do not answer in time'}
        try:
            return {'hwinfo': agents.call(
                RequestContext.from_dict(context.to_dict()), host,
                'facts.hwinfo', {}, timeout=limit)}
        except exception.CloudManagerException as exc:
            return {'reason': exc.message}

    return dict(zip(hosts, parallel.run(ask, hosts, _WORKERS), strict=True))
