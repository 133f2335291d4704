# SPDX-License-Identifier: Apache-2.0
"""Keystone's domains, whose configuration files conductors can read."""


from oslo_log import log as logging
import oslo_messaging as messaging

from cloudmanager.clients import keystone
from cloudmanager.clients import keystone_files
from cloudmanager.common import exception
from cloudmanager.common import rpc
from cloudmanager.common.context import RequestContext

LOG = logging.getLogger(__name__)


class Domains:
    """The RPC methods about the configuration of domains."""

    target = messaging.Target(version='1.2')

    @rpc.answers_errors
    def show_domain_store(self, context: RequestContext) -> str:
        """Return where the configuration is kept; see rpcapi."""
        return keystone_files.store()

    @rpc.answers_errors
    def configure_domain(self, context: RequestContext,
                         domain_id: str) -> None:
        """Load the file of a domain into the database; see rpcapi."""
        client = keystone.Keystone()
        domain = client.domain(domain_id)
        if domain is None:
            raise exception.DomainNotFound(domain=domain_id)
        found = keystone_files.domain_file(domain.name)
        if found.ignored:
            LOG.warning(
                'Keystone does not accept these options of domain %(name)s '
                'for a domain, so they are ignored: %(options)s', {
                    'name': domain.name,
                    'options': ', '.join(found.ignored)})
        try:
            client.set_domain_config(domain.id, found)
        except exception.NotFound:
            raise exception.DomainNotFound(domain=domain_id) from None
        LOG.info('The configuration of domain %s was loaded into the '
                 'database.', domain.name)
