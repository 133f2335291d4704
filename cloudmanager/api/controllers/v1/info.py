# SPDX-License-Identifier: Apache-2.0
"""What this service is."""

from cloudmanager import version
from cloudmanager.api import routing
from cloudmanager.api.types import info as info_types
from cloudmanager.policies import info as policies


@routing.route('GET', '/v1/info', policies.GET,
               answers={200: info_types.INFO})
def show(call: routing.Call) -> routing.Document:
    """Show the version of the service."""
    return {'info': {'version': version.version_info.version_string()}}
