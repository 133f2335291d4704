# SPDX-License-Identifier: Apache-2.0
"""What a user is told when something goes wrong, and what to do next."""

from collections.abc import Iterator
import re

from keystoneauth1 import exceptions as ksa_exc
from openstack import exceptions as sdk_exc
from osc_lib import exceptions as osc_exc

from cloudmanagerclient.sdk import exceptions

#: What commands may raise that is no fault of this program.
EXPECTED = (sdk_exc.SDKException, ksa_exc.ClientException)

_PROGRAM = 'openstack cloudmanager'
_BY_CODE = {
    'cloudmanager.cloud_not_configured':
        'Configure the cloud in [cloud] of cloudmanager.conf; nodes and '
        'power controls work without it.',
    'cloudmanager.node.no_power_control':
        f'Assign one: {_PROGRAM} node power control add <node> '
        '<power-control> <output>',
    'cloudmanager.server.not_found':
        'See what there is: openstack server list --all-projects',
    'cloudmanager.host.not_found':
        'See what there is: openstack compute service list '
        '--service nova-compute',
    'cloudmanager.domain.not_found':
        'See what there is: openstack domain list',
    'cloudmanager.aggregate.not_found':
        'See what there is: openstack aggregate list',
    'cloudmanager.task.finished':
        f'See what came of it: {_PROGRAM} task show <task>.'}
_BY_STATUS = {
    400: 'See --help of the command for what it takes.',
    401: 'Check your credentials: openstack token issue.',
    403: 'Ask an administrator for the role, or see "openstack role '
         'assignment list --user <you> --names".',
    501: f'See its version with "{_PROGRAM} info show"; a newer one may be '
         'able to.',
    503: f'Try again in a moment. "{_PROGRAM} health show" says how the '
         'service itself does.'}
# What an error of the API tells its caller to send.
_FIELD = re.compile(r'(?:send "|say `)(\w+)["`]')
_OPTIONS = {'wait': '--wait-for-operations'}
# Plural of what may be missing, by the second part of the code.
_LISTS = {'node': 'node list', 'power_control': 'power control list',
          'task': 'task list', 'node_class': 'node class list',
          'node_image': 'node image list', 'image': 'node image list',
          'availability_storage': 'storage list', 'volume': 'volume list',
          'audit': 'audit list'}


def explained(exc: Exception) -> osc_exc.CommandError:
    """Return an error for the user.

    :param exc: one of :data:`EXPECTED`
    """
    text = str(exc) or type(exc).__name__
    return osc_exc.CommandError('\n'.join(
        part for part in (text, _hint(exc), *_options(text)) if part))


def _options(text: str) -> Iterator[str]:
    """Return what fields that a text of the API advises are called here."""
    for field in _FIELD.findall(text):
        option = _OPTIONS.get(field, f'--{field}')
        yield f'As an option of the command that is {option}.'


def _hint(exc: Exception) -> str:
    if isinstance(exc, exceptions.Conflict) and exc.task_id:
        return (f'Follow it: {_PROGRAM} task show --follow {exc.task_id}\n'
                f'Or cancel it: {_PROGRAM} task cancel {exc.task_id}')
    if isinstance(exc, exceptions.CloudManagerError):
        return _of_service(exc)
    if isinstance(exc, exceptions.NoSuchObject):
        return _where(exc.kind)
    if isinstance(exc, ksa_exc.EndpointNotFound | sdk_exc.ConfigException):
        return ('Is the service in the catalog? "openstack catalog show '
                'cloudmanager" says so. Without Keystone give --os-auth-type '
                'none and --os-endpoint.')
    if isinstance(exc, ksa_exc.ConnectFailure
                  | ksa_exc.DiscoveryFailure):
        return ('Is the service running, and is the URL right? "openstack '
                'endpoint list --service cloudmanager" shows it.')
    return ''


def _of_service(exc: exceptions.CloudManagerError) -> str:
    if exc.code in _BY_CODE:
        return _BY_CODE[exc.code]
    parts = exc.code.split('.')
    if exc.status_code == 404 and len(parts) > 2 and parts[1] in _LISTS:
        return _where(parts[1])
    return _BY_STATUS.get(exc.status_code or 0, '')


def _where(kind: str) -> str:
    """Return where objects of a kind are listed."""
    listed = _LISTS.get(kind)
    return f'See what there is: {_PROGRAM} {listed}' if listed else ''
