# SPDX-License-Identifier: Apache-2.0
"""Keeps the nodes in agreement with the hypervisors of Nova."""

from collections.abc import Callable
from concurrent import futures
import threading

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import protocols
from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.periodics import matching
from cloudmanager.conductor.periodics import members
from cloudmanager.db import conditions as db_conditions
from cloudmanager.db import inventory as db_inventory

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
#: The key whose owner among the conductors does this work.
KEY = 'inventory'


class Inventory:
    """The comparison of nodes with Nova, done by one conductor for all.

    :param nova: returns ``cloudmanager.clients.nova.Nova`` or its like;
        raises when no cloud is configured
    :param read_members: returns the conductors that are alive
    """

    def __init__(self, nova: Callable[[], protocols.Nova],
                 read_members: Callable[[], members.Members]) -> None:
        self._nova = nova
        self._read_members = read_members
        self._without_cloud = False

    def run(self, stopping: threading.Event) -> None:
        """Do one round."""
        if not self._read_members().owns(KEY):
            return
        context = cm_context.admin_context()
        try:
            compare(context, self._nova())
            self._without_cloud = False
        except exception.CloudNotConfigured as exc:
            if not self._without_cloud:
                LOG.info('Nodes are not compared with Nova: %s', exc)
            self._without_cloud = True
        except exception.CloudUnreachable as exc:
            LOG.warning('Nodes cannot be compared with Nova: %s', exc)
        db_conditions.refresh(context)


def compare(context: RequestContext, nova: protocols.Nova) -> None:
    """Enrol and bind nodes, and store what Nova reports about them.

    :raises CloudUnreachable: Nova did not answer; nothing was changed
    """
    with futures.ThreadPoolExecutor(
            2, thread_name_prefix='inventory') as pool:
        of_hypervisors = pool.submit(nova.hypervisors)
        of_services = pool.submit(nova.services)
    hypervisors, services = of_hypervisors.result(), of_services.result()
    plan = matching.make_plan(
        db_inventory.list_nodes(context), hypervisors, services,
        db_inventory.types_of_hypervisors(context), clock.utcnow(),
        CONF.inventory.auto_enroll)
    changed = db_inventory.apply(context, plan.updates)
    new = db_inventory.enroll(context, plan.new)
    for text, values in plan.notes:
        LOG.warning(text, values)
    if new:
        LOG.info('%d hypervisors of Nova became nodes.', new)
    LOG.debug('%(all)d hypervisors were compared, %(changed)d nodes '
              'changed.', {'all': len(hypervisors), 'changed': changed})
