# SPDX-License-Identifier: Apache-2.0
"""iSCSI: portals, names of targets, and the output of ``iscsiadm``.

Neither requests nor storages are trusted: malformed values are refused in
requests, and left out of the answers of storages.
"""

from collections.abc import Iterable
import dataclasses
import ipaddress
import re

from cloudmanager.domain import host_names

PORT = 3260
#: How many targets one storage can have.
MAX_TARGETS = 10_000
#: Forms of names of targets (RFC 7143, section 4.2.7). No character of them
#: means anything in a path or to a program.
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9.:_+-]{0,222}')
_FULL = re.compile(r'(iqn|eui|naa)\..+')
_PORTAL = re.compile(r'(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[^\s:]+))'
                     r'(?::(?P<port>[0-9]{1,5}))?')
# "10.0.0.2:3260,1 iqn.2010-10.org.openstack:volume-1"
_FOUND = re.compile(r'(?P<portal>\S+),-?[0-9]+ (?P<target>\S+)')
# "tcp: [1] 10.0.0.2:3260,1 iqn.2010-10.org.openstack:volume-1 (non-flash)"
_SESSION = re.compile(r'\S+: \[(?P<number>[0-9]+)\] (?P<portal>\S+),-?[0-9]+ '
                      r'(?P<target>\S+)(?: \(.*\))?')


@dataclasses.dataclass(frozen=True, order=True)
class Portal:
    """Where targets are offered.

    :ivar host: name or IP address, in its common form
    """

    host: str
    port: int = PORT

    @property
    def address(self) -> str:
        """As ``iscsiadm`` takes it, with the port."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{host}:{self.port}'

    def __str__(self) -> str:
        """As requests and answers have it: the port if it is another one."""
        return self.host if self.port == PORT else self.address


@dataclasses.dataclass(frozen=True, order=True)
class Path:
    """A target on one of its portals.

    :ivar target: full name
    """

    portal: Portal
    target: str

    def __str__(self) -> str:
        return f'{self.portal} {self.target}'


@dataclasses.dataclass(frozen=True)
class Session:
    """A login that the kernel keeps.

    :ivar number: its number in the kernel
    """

    number: int
    path: Path


def portal(text: object) -> Portal:
    """Return the portal that a text names, as ``HOST`` or ``HOST:PORT``.

    IPv6 addresses stand in brackets when there is a port.

    :raises ValueError: it names none
    """
    if isinstance(text, str):
        try:
            return Portal(host_names.canonical(text))
        except ValueError:
            pass
        match = _PORTAL.fullmatch(text)
        port = int(match['port'] or PORT) if match else 0
        if match is not None and 0 < port < 2 ** 16:
            host = host_names.canonical(match['v6'] or match['name'])
            if (':' in host) == (match['v6'] is not None):
                return Portal(host, port)
    raise ValueError('must be a host name or an IP address, with or without '
                     'a port')


def check_target(text: object) -> str:
    """Return the name of a target, if it is one.

    :raises ValueError: it is none
    """
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise ValueError('must be the name of a target')
    return text


def full_name(name: object, prefix: str) -> str:
    """Return the full name of a target.

    :param prefix: the prefix of names that are given without one
    :raises ValueError: it is none, or too long
    """
    found = check_target(name)
    return found if _FULL.match(found) else check_target(f'{prefix}{found}')


def short_name(name: str, prefix: str) -> str:
    """Return the name of a target without a prefix, if that is unambiguous.
    """
    rest = name.removeprefix(prefix)
    return name if not rest or _FULL.match(rest) else rest


def _is_reachable(found: Portal) -> bool:
    """Tell whether a portal means the same machine to everybody."""
    try:
        address = ipaddress.ip_address(found.host)
    except ValueError:
        return True
    return not (address.is_link_local or address.is_unspecified
                or address.is_multicast)


def _paths(lines: Iterable[str],
           form: re.Pattern[str]) -> Iterable[tuple[re.Match[str], Path]]:
    for line in lines:
        match = form.fullmatch(line.strip())
        if match is None:
            continue
        try:
            yield match, Path(portal(match['portal']),
                              check_target(match['target']))
        except ValueError:
            continue


def found(text: str) -> list[Path]:
    """Return the targets of a storage from the output of ``iscsiadm``.

    Lines without a target on a reachable portal are left out, and so are
    targets beyond ``MAX_TARGETS``.
    """
    told = {path for _, path in _paths(text.splitlines(), _FOUND)
            if _is_reachable(path.portal)}
    return sorted(told)[:MAX_TARGETS]


def sessions(text: str) -> list[Session]:
    """Return the sessions that ``iscsiadm`` prints."""
    return [Session(int(match['number']), path)
            for match, path in _paths(text.splitlines(), _SESSION)]


def by_portal(paths: Iterable[Path], prefix: str = ''
              ) -> dict[str, list[str]]:
    """Return names of targets by their portals, both in order.

    :param prefix: a prefix to remove from the names
    """
    told: dict[str, list[str]] = {}
    for path in sorted(set(paths)):
        told.setdefault(str(path.portal), []).append(
            short_name(path.target, prefix))
    return told
