# SPDX-License-Identifier: Apache-2.0
"""How many hosts a rolling restart may take out of use."""


from oslo_config import cfg

from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF


def limits(params: JsonObject) -> tuple[int, int]:
    """Return how many of ours may be out of use, and how many in all."""
    if params.get('in_sequence', True):
        return 1, params.get('max_unavailable') or 1
    most = params.get('max_unavailable') or CONF.host_tasks.max_unavailable
    return most, most


def describe(out: dict[str, str]) -> str:
    """Name hosts that are out of use, and why."""
    return ', '.join(f'{name} ({why})' for name, why in sorted(out.items()))
