# SPDX-License-Identifier: Apache-2.0
"""Reports that agents on nodes send to conductors."""

import oslo_messaging as messaging

from cloudmanager.common import context as cm_context
from cloudmanager.common import rpc
from cloudmanager.conductor.agents.reports import Reports


class Agents:
    """Takes the reports of agents; versions: 1.0: report."""

    target = messaging.Target(namespace=rpc.AGENTS_NAMESPACE, version='1.0')

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    @rpc.noted_at_once
    def report(self, context: cm_context.RequestContext,
               envelope: object) -> None:
        """Take a signed report.

        The request context is not signed, so it is ignored and the report
        is handled as the service's own work.
        """
        self._reports.take(envelope, redelivered=rpc.is_redelivered())
