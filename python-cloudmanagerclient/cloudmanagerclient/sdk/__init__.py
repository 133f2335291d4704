# SPDX-License-Identifier: Apache-2.0
"""CloudManager as a service of openstacksdk.

openstacksdk finds services of other distributions in one way only: a hook
that the configuration of a cloud names. With this in clouds.yaml, each
connection to the cloud has the attribute ``cloudmanager``::

    clouds:
      mycloud:
        vendor_hook: cloudmanagerclient.sdk:add_service

    conn = openstack.connect(cloud='mycloud')
    for node in conn.cloudmanager.nodes(power_state='power_off'):
        print(node.name)

Without it, call :func:`add_service` with the connection, or pass
``vendor_hook='cloudmanagerclient.sdk:add_service'`` to
:func:`openstack.connect`.
"""

from openstack import connection
from openstack import service_description

from cloudmanagerclient.sdk.v1 import _proxy as v1

SERVICE_TYPE = 'cloudmanager'


class CloudManagerService(service_description.ServiceDescription[v1.Proxy]):
    """CloudManager, for connections."""

    supported_versions = {'1': v1.Proxy}

    def __init__(self) -> None:
        super().__init__(SERVICE_TYPE)


def add_service(conn: connection.Connection) -> None:
    """Give a connection the attribute ``cloudmanager``.

    :param conn: the connection
    """
    config = conn.config.config
    # Only of the plugin "none" openstacksdk knows that its endpoint is meant
    # for services, too.
    if config.get('auth_type') == 'http_basic':
        config.setdefault(f'{SERVICE_TYPE}_endpoint_override',
                          config['auth'].get('endpoint'))
    conn.add_service(CloudManagerService())


def proxy(conn: connection.Connection) -> v1.Proxy:
    """Return the operations of CloudManager on a connection, with types.

    :param conn: a connection, whether it has the service already or not
    """
    if not hasattr(type(conn), SERVICE_TYPE):
        add_service(conn)
    found: v1.Proxy = getattr(conn, SERVICE_TYPE)
    return found
