# SPDX-License-Identifier: Apache-2.0
"""Version documents, in the form that keystoneauth discovers."""

from cloudmanager.api import routing
from cloudmanager.api.types import info as info_types


def _version(url: str) -> routing.Document:
    """Return what is told of the version.

    :param url: where it is, with a slash at its end
    """
    return {'id': 'v1.0', 'status': 'CURRENT',
            'links': [{'rel': 'self', 'href': url},
                      {'rel': 'describedby', 'href': f'{url}openapi.json',
                       'type': 'application/json'}]}


@routing.route('GET', '/', None, answers={200: info_types.VERSIONS})
def root(call: routing.Call) -> routing.Document:
    """List the versions of the API."""
    return {'name': 'CloudManager API',
            'versions': [_version(call.url.rstrip('/') + '/v1/')]}


@routing.route('GET', '/v1', None, answers={200: info_types.VERSION})
def v1(call: routing.Call) -> routing.Document:
    """Show the version."""
    return {'version': _version(call.url.rstrip('/') + '/')}
