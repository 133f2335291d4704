# SPDX-License-Identifier: Apache-2.0
"""Domains of Keystone."""

from oslo_config import cfg

from cloudmanager.api import routing
from cloudmanager.api.types import domains as types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.policies import domains as policies

CONF = cfg.CONF
# Length of the column in which Keystone keeps the ids of domains.
_MAX_ID = 64


@routing.route('POST', '/v1/domains/actions/get-store', policies.GET_STORE,
               answers={200: types.Store})
@routing.route('POST', '/domains/actions/get-store', policies.GET_STORE,
               answers={200: types.Store})
def get_store(call: routing.Call) -> routing.Document:
    """Show where Keystone keeps the configuration of domains."""
    return {'store': rpcapi.ConductorAPI().show_domain_store(call.context)}


@routing.route('POST', '/v1/domains/{domain_id}/actions/configure',
               policies.CONFIGURE, answers={204: None}, errors=(409,))
def configure(call: routing.Call, domain_id: str) -> None:
    """Load the configuration file of a domain into Keystone's database.

    It replaces what is there.
    """
    if len(domain_id) > _MAX_ID or not domain_id.isprintable():
        raise exception.DomainNotFound(domain=domain_id[:_MAX_ID])
    rpcapi.ConductorAPI().configure_domain(call.context, domain_id)


@routing.route('GET', '/v1/domains/totp-allowed', policies.TOTP_ALLOWED,
               answers={200: types.TOTPAllowed})
def totp_allowed(call: routing.Call) -> routing.Document:
    """Show whether one-time passwords may be sent."""
    return {'totp_allowed': CONF.identity.totp_allowed}
