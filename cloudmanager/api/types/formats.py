# SPDX-License-Identifier: Apache-2.0
"""Texts with a canonical form, which is what is stored.

The patterns name values of the common form; some types take more than that.
"""

import ipaddress
import re
from typing import cast
import uuid

from cloudmanager.api.types import texts
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Map
from cloudmanager.api.types.values import MAX_INTEGER
from cloudmanager.api.types.values import Numeral
from cloudmanager.api.types.values import Schema
from cloudmanager.api.types.values import Text
from cloudmanager.domain import clone_names
from cloudmanager.domain import host_names
from cloudmanager.domain import iscsi
from cloudmanager.domain import pxe

# As much of a name as fits into a target of a task.
MAX_COMPUTE_HOST = 250
# What stands in paths where a node's name could.
RESERVED_NAMES = frozenset(('actions', 'count', 'detail'))
UUID_PATTERN = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
_MAX_NAME_BYTES = 255
# A label of a host name (RFC 1123, section 2.1).
_LABEL_1123 = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
_PRINTED = rf'[^\s{texts.CONTROL}]'
_NAME = rf'({_PRINTED}([^{texts.CONTROL}]*{_PRINTED})?)?'


class MAC(Text):
    """A MAC address, in lower case with colons."""

    lower = True
    described: Schema = {
        'pattern': '^[0-9A-Fa-f][02468ACEace]([:-]?[0-9A-Fa-f]{2}){4}'
                   '[:-]?[0-9A-Fa-f][1-9A-Fa-f]$'}
    _DIGITS = re.compile(r'[0-9a-f]{12}')
    # Bit of the first octet of addresses of groups, broadcast among them.
    _GROUP = 0x01

    def convert(self, value: str) -> str:
        digits = re.sub(r'[:.-]', '', value).lower()
        if not self._DIGITS.fullmatch(digits):
            raise ValueError('must be a MAC address')
        if int(digits, 16) == 0 or int(digits[:2], 16) & self._GROUP:
            raise ValueError('must be the MAC address of one interface')
        return ':'.join(digits[i:i + 2] for i in range(0, 12, 2))


class IPAddress(Text):
    """An IP address."""

    _OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
    described: Schema = {'anyOf': [
        {'pattern': rf'^({_OCTET}([.]{_OCTET}){{3}})$'},
        {'format': 'ipv6'}]}

    def convert(self, value: str) -> str:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError as exc:
            raise ValueError('must be an IP address') from exc


class Host(Text):
    """A host name or an IP address, in lower case."""

    lower = True
    _LABEL = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
    described: Schema = {'anyOf': [
        {'pattern': f'^{_LABEL}([.]{_LABEL}){{0,3}}$'},
        {'format': 'ipv4'}, {'format': 'ipv6'}]}

    def convert(self, value: str) -> str:
        return host_names.canonical(value)


class Port(Numeral):
    """A TCP or UDP port."""

    def __init__(self) -> None:
        super().__init__(
            '^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}'
            '|655[0-2][0-9]|6553[0-5])$', 1, 65535)


class Id(Numeral):
    """An id that may be given as a text as well."""

    def __init__(self) -> None:
        super().__init__('^[1-9][0-9]{0,8}$', 1, MAX_INTEGER)


class Name(Text):
    """A name.

    Databases differ on whether names that differ by spaces at their end are
    the same.
    """

    described: Schema = {'pattern': f'^{_NAME}$'}

    def convert(self, value: str) -> str:
        if value != value.strip():
            raise ValueError('must not begin or end with a space')
        texts.check(value)
        return value


class NodeName(Text):
    """The name of a node: a host name that is no id and no word.

    A host name of letters, digits and hyphens in labels of up to 63
    characters, 255 in all (RFC 1123, section 2.1).
    """

    described: Schema = {
        'pattern': r'^(?=.*[A-Za-z])(?!(actions|count|detail)$)'
                   rf'{_LABEL_1123}([.]{_LABEL_1123}){{0,2}}$'}
    _NAME = re.compile(rf'{_LABEL_1123}([.]{_LABEL_1123})*')

    def convert(self, value: str) -> str:
        if not self._NAME.fullmatch(value) or len(value) > _MAX_NAME_BYTES:
            raise ValueError('must be a host name: letters, digits, hyphens '
                             'and dots')
        if value in RESERVED_NAMES:
            raise ValueError(f'must not be {value}, which stands for '
                             'something else in paths')
        if value.isdigit():
            raise ValueError('must not be a number, which is taken for an '
                             'id')
        return value

    def sought(self, text: str) -> str:
        """Nova may call a compute host what is no host name."""
        return self.parse(text)

    def known(self) -> None:
        return None


class Directory(Text):
    """An absolute path of a directory in its normal form.

    A slash at its end stays. Linux holds names of 255 bytes at most.
    """

    _PART = rf'(?!\.{{1,2}}(/|$))[^/{texts.CONTROL}]{{1,63}}'
    described: Schema = {'pattern': f'^(/{_PART})+/?$'}

    def convert(self, value: str) -> str:
        parts = value.removesuffix('/').split('/')
        if not value.startswith('/') or any(
                part in ('', '.', '..') for part in parts[1:]):
            raise ValueError('must be an absolute path without empty parts, '
                             '"." and ".."')
        texts.check(value)
        if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
            raise ValueError('must not have a part of more than '
                             f'{_MAX_NAME_BYTES} bytes')
        return value


class BootFile(Text):
    """The data of a boot image, see ``domain.pxe.check``."""

    described: Schema = {'pattern': '^[\\t\\n -~]*$'}

    def __init__(self) -> None:
        super().__init__(pxe.MAX_BYTES, lines=True)

    def convert(self, value: str) -> str:
        return pxe.check(value)


class UUID(Text):
    """A UUID in lower case with hyphens."""

    lower = True
    described: Schema = {'pattern': UUID_PATTERN}
    _FORM = re.compile(r'[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}',
                       re.IGNORECASE)

    def __init__(self) -> None:
        super().__init__(36)

    def convert(self, value: str) -> str:
        if not self._FORM.fullmatch(value):
            raise ValueError('must be a UUID')
        return str(uuid.UUID(value))


class ComputeHost(Text):
    """The name of a compute host, exactly as it is given."""

    described: Schema = {'pattern': f'^[!-~]{{1,{MAX_COMPUTE_HOST}}}$'}

    def convert(self, value: str) -> str:
        # Some databases take "a " for "a".
        if not (0 < len(value) <= MAX_COMPUTE_HOST and value.isprintable()
                and ' ' not in value):
            raise ValueError('must be the name of a compute host')
        return value


class Formed(Text):
    """A text that is of one form as it is.

    :param form: a regular expression
    :param problem: what is wrong with any other text
    """

    def __init__(self, form: str, problem: str, maximum: int = 255,
                 minimum: int = 0) -> None:
        super().__init__(maximum, minimum)
        self._form, self._problem = re.compile(form), problem
        self.described = {'pattern': f'^{form}$'}

    def convert(self, value: str) -> str:
        if not self._form.fullmatch(value):
            raise ValueError(self._problem)
        return value


#: Models of processors have names as libvirt writes them.
CPU_MODEL = Formed('[A-Za-z0-9][A-Za-z0-9_.+-]*',
                   'must be the name of a processor model', 64, 1)
DEVICE = Formed('/dev(/[A-Za-z0-9][A-Za-z0-9_.:+@=-]*)+',
                'must be the path of a device below /dev')
#: iSCSI targets have names of 223 bytes at most (RFC 7143, section 4.2.7.1).
TARGET_NAME = Formed('[A-Za-z0-9][A-Za-z0-9.:_+-]{0,222}',
                     'must be the name of a target', 223)


#: Vendors and products of storages, as multipath takes them.
STORAGE_KIND = Formed('[A-Za-z0-9]([A-Za-z0-9 ._/+-]{0,62}[A-Za-z0-9._/+-])?',
                      'must be letters, digits, spaces and ._/+-', 64, 1)


class CloneNames(Text):
    """A pattern that names of clones are made of."""

    def convert(self, value: str) -> str:
        return clone_names.check(value)


class Targets(Map):
    """Names of iSCSI targets by the address of their portal."""

    def __init__(self, portals: int, targets: int) -> None:
        super().__init__(_portal, Host.described,
                         List(TARGET_NAME, 1, targets, once=True),
                         1, portals)

    def stored(self, value: object) -> dict[str, object]:
        """Return them by the canonical forms of the addresses."""
        found: dict[str, list[str]] = {}
        for address, names in self.pairs(value):
            known = found.setdefault(address, [])
            known += [name for name in cast(list[str], names)
                      if name not in known]
        return dict(found)


def _portal(text: str) -> str:
    try:
        return str(iscsi.portal(text))
    except ValueError as exc:
        raise ValueError('must have host names or IP addresses, with or '
                         'without a port, as keys') from exc
