# SPDX-License-Identifier: Apache-2.0
"""Redirection of logs by rsyslog."""

import re

from oslo_config import cfg

from cloudmanager.agent.drivers import drop_ins
from cloudmanager.agent.store import Store

CONF = cfg.CONF
_TARGET = re.compile(r'target="([^"]*)"')


def render(host: str | None) -> str | None:
    """Return the rule of rsyslog that sends everything to a host.

    If the host does not answer, messages wait in a queue of limited size.
    When it is full, messages are dropped; local logs are not affected.

    :param host: name or address, checked before
    """
    if host is None:
        return None
    return (f'*.* action(type="omfwd" target="{host}"\n'
            f'           port="{CONF.agent.log_port}" '
            f'protocol="{CONF.agent.log_protocol}"\n'
            '           queue.type="LinkedList" queue.size="10000"\n'
            '           queue.timeoutEnqueue="0"\n'
            '           action.resumeRetryCount="-1")\n')


def parse(content: str | None) -> str | None:
    """Return the host that a rule sends to."""
    found = _TARGET.search(content or '')
    return found[1] if found else None


class LogRedirection(drop_ins.DropIn):
    """The host that logs are sent to."""

    def __init__(self, store: Store) -> None:
        super().__init__('rsyslog', CONF.agent.rsyslog_unit, store, render,
                         parse)
