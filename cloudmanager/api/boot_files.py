# SPDX-License-Identifier: Apache-2.0
"""Telling conductors that the boot file of a node may be out of date."""

from oslo_log import log as logging

from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi

LOG = logging.getLogger(__name__)


def changed(context: cm_context.RequestContext, *macs: str | None) -> None:
    """Tell conductors that something of nodes has changed.

    A message that cannot be sent is only a delay: conductors compare
    their boot files with the database from time to time.

    :param macs: addresses that the nodes have now or had before
    """
    found = sorted({mac for mac in macs if mac})
    if not found:
        return
    try:
        rpcapi.BootFilesAPI().refresh(context, found)
    except exception.Unavailable as exc:
        LOG.warning('Conductors were not told to write the boot files of '
                    '%(macs)s: %(why)s',
                    {'macs': ', '.join(found), 'why': exc})
