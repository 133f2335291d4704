# SPDX-License-Identifier: Apache-2.0
"""Writing credentials and settings of logins into open-iscsi's records.

``iscsiadm`` takes a password only as an argument, where every user of the node
can read it. So ``iscsiadm`` creates the record, and this module writes the
password into it. The credentials are read from the configuration here; they
are passed to no other process, and are in no answer.
"""

from collections.abc import Mapping
import os
import pathlib
import stat

from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.common import private
from cloudmanager.conf import nas as conf_nas
from cloudmanager.domain import iscsi

CONF = cfg.CONF
OFFERED = frozenset(('set_node', 'set_discovery'))
MAX_SIZE = 64 * 1024
_END = '# END RECORD'
#: Options of a record, and what they are called in the configuration.
_CREDENTIALS = {'username': 'chap_username', 'password': 'chap_password',
                'username_in': 'chap_username_in',
                'password_in': 'chap_password_in'}
Values = dict[str, str | None]


def _credentials(portal: iscsi.Portal, prefix: str) -> Values:
    """Return the lines of a record with the credentials for a portal.

    :param prefix: the prefix of the record's option names
    :raises Misconfigured: they cannot be used
    """
    known = conf_nas.credentials(CONF, portal.host)
    wanted = dict.fromkeys(_CREDENTIALS)
    for name, option in _CREDENTIALS.items():
        if name.startswith('username') and known[option]:
            for part in (name, name.replace('username', 'password')):
                wanted[part] = _checked(_CREDENTIALS[part],
                                        known[_CREDENTIALS[part]])
    has_any = wanted['username'] is not None
    if wanted['username_in'] is not None and not has_any:
        raise exception.Misconfigured(
            setting='[nas] chap_username_in',
            reason='mutual CHAP needs chap_username, too')
    return {f'{prefix}.authmethod': 'CHAP' if has_any else 'None',
            **{f'{prefix}.{name}': value for name, value in wanted.items()}}


def _checked(option: str, value: str) -> str:
    """Return a value that a line of a record can have.

    :raises Misconfigured: it cannot; the text does not repeat it
    """
    if (not value or value != value.strip() or len(value) > 255
            or not value.isascii() or not value.isprintable()):
        raise exception.Misconfigured(
            setting=f'[nas] {option}',
            reason='it must have 1 to 255 printable characters, and no '
                   'space at its ends')
    return value


def _portal(host: str, port: int) -> iscsi.Portal:
    found = iscsi.portal(host)
    if found.host != host or not 0 < port < 2 ** 16:
        raise ValueError('is no portal')
    return iscsi.Portal(host, port)


def set_node(host: str, port: int, target: str,
             settings: Mapping[str, str]) -> None:
    """Give the record of a target on a portal its credentials and settings.

    :param settings: ``startup``, and ``retries`` of a login
    :raises Unavailable: there is no such record, or it cannot be written
    :raises Misconfigured: the credentials cannot be used
    """
    portal = _portal(host, port)
    path = _find(pathlib.Path('nodes', iscsi.check_target(target),
                              f'{host},{port}'))
    startup = settings['startup']
    _rewrite(path, {
        'node.startup': startup, 'node.conn[0].startup': startup,
        'node.session.initial_login_retry_max': str(
            int(settings['retries'])),
        **_credentials(portal, 'node.session.auth')})


def set_discovery(host: str, port: int) -> None:
    """Give the record of a discovery its credentials.

    :raises Unavailable: there is no such record, or it cannot be written
    :raises Misconfigured: the credentials cannot be used
    """
    portal = _portal(host, port)
    _rewrite(_find(pathlib.Path('send_targets', f'{host},{port}',
                                'st_config')),
             _credentials(portal, 'discovery.sendtargets.auth'))


def _find(name: pathlib.Path) -> pathlib.Path:
    """Return the path of a record.

    :raises Unavailable: there is no such record
    """
    for directory in CONF.nas.iscsi_directories:
        path = pathlib.Path(directory) / name
        if path.is_file():
            return path
    raise exception.Unavailable(
        reason=f'open-iscsi has no record {name} in any of '
               '[nas] iscsi_directories.')


def _rewrite(path: pathlib.Path, values: Values) -> None:
    """Change some lines of a record.

    :param values: new values by name; ``None`` removes the line
    :raises Unavailable: it cannot be read or written
    """
    try:
        lines = [line for line in _read(path).splitlines()
                 if line.partition('=')[0].strip() not in values
                 and line.strip() != _END]
        lines += [f'{name} = {value}' for name, value in values.items()
                  if value is not None]
        private.replace(path, '\n'.join([*lines, _END, '']).encode())
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc
        raise exception.Unavailable(
            reason=f'Record {path} cannot be changed: {why}.') from exc


def _read(path: pathlib.Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                         | os.O_CLOEXEC)
    with os.fdopen(descriptor, 'rb') as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError('it is no file')
        content = stream.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise ValueError('it is too long')
    return content.decode()
