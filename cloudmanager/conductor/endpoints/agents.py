# SPDX-License-Identifier: Apache-2.0
"""What agents on nodes tell conductors."""

from typing import Any

import oslo_messaging as messaging

from cloudmanager.common import context as cm_context
from cloudmanager.common import rpc
from cloudmanager.conductor.agents.reports import Reports


class Agents:
    """Takes the reports of agents; versions: 1.0: report."""

    target = messaging.Target(namespace=rpc.AGENTS_NAMESPACE, version='1.0')

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def report(self, context: cm_context.RequestContext,
               envelope: Any) -> None:
        """Take a signed report.

        What it says of itself besides is not signed, so it is done as the
        service's own work.
        """
        self._reports.take(cm_context.admin_context(), envelope)
