# SPDX-License-Identifier: Apache-2.0
"""What ``openstack`` asks a plugin.

Each ``openstack`` command imports this module, so it imports nothing that
takes time.
"""

import argparse
from typing import Any

API_NAME = 'cloudmanager'
API_VERSION_OPTION = 'os_cloudmanager_api_version'
API_VERSIONS = ('1',)
DEFAULT_API_VERSION = '1'


def make_client(instance: Any) -> Any:
    """Return the operations of CloudManager.

    :param instance: the client manager of ``openstack``
    """
    # Costly to import, and commands of other services do without.
    from cloudmanagerclient import sdk

    return sdk.proxy(instance.sdk_connection)


def build_option_parser(
        parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options that all commands have.

    :param parser: the parser of ``openstack``
    """
    parser.add_argument(
        '--os-cloudmanager-api-version', metavar='<version>',
        default=DEFAULT_API_VERSION, choices=API_VERSIONS,
        help='Version of the API of CloudManager (default: '
             f'{DEFAULT_API_VERSION})')
    return parser
