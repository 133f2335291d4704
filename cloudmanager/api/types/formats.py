# SPDX-License-Identifier: Apache-2.0
"""Canonical forms of values; each function raises ValueError."""

from collections.abc import Callable
import datetime
import ipaddress
import re
from typing import Any
import unicodedata
import uuid

from cloudmanager.domain import pxe

_MAC = re.compile(r'[0-9a-f]{12}')
_HOST = re.compile(
    r'(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?',
    re.IGNORECASE)
# A label of a host name (RFC 1123, section 2.1).
_LABEL_1123 = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
_NODE_NAME = re.compile(rf'{_LABEL_1123}([.]{_LABEL_1123})*')
# What stands in paths where a node's name could.
RESERVED_NAMES = frozenset(('actions', 'count', 'detail'))
_UUID = re.compile(r'[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}',
                   re.IGNORECASE)
# Bit of the first octet of addresses of groups, broadcast among them.
_GROUP = 0x01
# Names of iSCSI targets and of logical volumes.
_TARGET = re.compile(r'[A-Za-z0-9][A-Za-z0-9.:_+-]{0,222}')
# Categories of Unicode that upset terminals and forge lines of a log.
_CONTROLS = frozenset(('Cc', 'Zl', 'Zp'))
_LINES = '\n\r\t'
_MODEL = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.+-]*')
_DEVICE = re.compile(r'/dev(/[A-Za-z0-9][A-Za-z0-9_.:+@=-]*)+')
MAX_DEVICE = 255
MAX_NAME_BYTES = 255
# Of the database's integers.
MAX_INTEGER = 2 ** 31 - 1
# As much of a name as fits into a target of a task.
MAX_COMPUTE_HOST = 250


def mac(value: str) -> str:
    """Return a MAC address in lower case with colons."""
    digits = re.sub(r'[:.-]', '', value).lower()
    if not _MAC.fullmatch(digits):
        raise ValueError('must be a MAC address')
    if int(digits, 16) == 0 or int(digits[:2], 16) & _GROUP:
        raise ValueError('must be the MAC address of one interface')
    return ':'.join(digits[i:i + 2] for i in range(0, 12, 2))


def ip_address(value: str) -> str:
    """Return an IP address in its canonical form."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as exc:
        raise ValueError('must be an IP address') from exc


def ip_list(values: list[str]) -> list[str]:
    """Return IP addresses in their canonical form, each once."""
    try:
        found = [str(ipaddress.ip_address(value)) for value in values]
    except ValueError as exc:
        raise ValueError('must contain IP addresses') from exc
    return list(dict.fromkeys(found))


def host(value: str) -> str:
    """Return a host name or address in its canonical form."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    if not _HOST.fullmatch(value) or len(value) > 253:
        raise ValueError('must be a host name or an IP address')
    return value.lower()


def port(value: int | str) -> int:
    """Return a port number given as a number or as a string."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 6
            and 1 <= int(text) <= 65535):
        raise ValueError('must be a number from 1 to 65535')
    return int(text)


def time(value: str) -> datetime.datetime:
    """Return a time in UTC without a zone."""
    try:
        parsed = datetime.datetime.fromisoformat(value)
    except ValueError as exc:
        raise ValueError('must be an ISO 8601 time') from exc
    if parsed.tzinfo is not None:
        try:
            parsed = parsed.astimezone(datetime.UTC).replace(tzinfo=None)
        except OverflowError as exc:
            raise ValueError('must be an ISO 8601 time') from exc
    return parsed


def name(value: str) -> str:
    """Return a name, which may be empty.

    Databases differ on whether names that differ by spaces at their end
    are the same, and control characters upset terminals.
    """
    if value != value.strip():
        raise ValueError('must not begin or end with a space')
    if has_control_characters(value):
        raise ValueError('must not contain control characters')
    return value


def node_name(value: str) -> str:
    """Return the name of a node: a host name that is no id and no word.

    A host name of letters, digits and hyphens in labels of up to 63
    characters, 255 in all (RFC 1123, section 2.1).
    """
    if not _NODE_NAME.fullmatch(value) or len(value) > MAX_NAME_BYTES:
        raise ValueError('must be a host name: letters, digits, hyphens '
                         'and dots')
    if value in RESERVED_NAMES:
        raise ValueError(f'must not be {value}, which stands for something '
                         'else in paths')
    if value.isdigit():
        raise ValueError('must not be a number, which is taken for an id')
    return value


def names(values: list[str]) -> list[str]:
    """Return a list of names, each of which may be empty."""
    return [name(value) for value in values]


def boot_file(value: str) -> str:
    """Return the data of a boot image, see ``domain.pxe.check``."""
    return pxe.check(value)


def directory(value: str) -> str:
    """Return an absolute path of a directory in its normal form.

    A slash at its end stays. Linux holds names of 255 bytes at most.
    """
    parts = value.removesuffix('/').split('/')
    if not value.startswith('/') or any(
            part in ('', '.', '..') for part in parts[1:]):
        raise ValueError('must be an absolute path without empty parts, '
                         '"." and ".."')
    if has_control_characters(value):
        raise ValueError('must not contain control characters')
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise ValueError('must not have a part of more than '
                         f'{MAX_NAME_BYTES} bytes')
    return value


def has_control_characters(value: str, *, lines: bool = False) -> bool:
    """Tell whether a text has control characters or separators of lines.

    :param lines: whether new lines and tabs may be in it
    """
    return any(unicodedata.category(character) in _CONTROLS
               and not (lines and character in _LINES)
               for character in value)


def identifier(value: str) -> str:
    """Return a UUID in lower case with hyphens."""
    if not _UUID.fullmatch(value):
        raise ValueError('must be a UUID')
    return str(uuid.UUID(value))


def compute_host(value: str) -> str:
    """Return the name of a compute host exactly as it is given."""
    # Some databases take "a " for "a".
    if not (0 < len(value) <= MAX_COMPUTE_HOST and value.isprintable()
            and ' ' not in value):
        raise ValueError('must be the name of a compute host')
    return value


def compute_hosts(values: list[str]) -> list[str]:
    """Return names of compute hosts, each once."""
    try:
        found = [compute_host(value) for value in values]
    except ValueError as exc:
        raise ValueError('must contain names of compute hosts') from exc
    return list(dict.fromkeys(found))


def number(value: int | str) -> int:
    """Return a positive id given as a number or as a string."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 11
            and 1 <= int(text) <= MAX_INTEGER):
        raise ValueError('must be a positive number')
    return int(text)


def targets(values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return names of iSCSI targets by the address of their portal.

    A name has at most 223 bytes (RFC 7143, section 4.2.7.1).
    """
    found: dict[str, list[str]] = {}
    for portal, names in values.items():
        try:
            address = host(portal)
        except ValueError as exc:
            raise ValueError('must have host names or IP addresses as '
                             'keys') from exc
        if not all(_TARGET.fullmatch(name) for name in names):
            raise ValueError('must contain names of targets')
        found.setdefault(address, []).extend(names)
    return {address: list(dict.fromkeys(names))
            for address, names in found.items()}


def cpu_model(value: str) -> str:
    """Return the name of a processor model, as libvirt writes them."""
    if not _MODEL.fullmatch(value):
        raise ValueError('must be the name of a processor model')
    return value


def device(value: str) -> str:
    """Return the path of a block device below ``/dev``, as it is."""
    if not _DEVICE.fullmatch(value) or len(value) > MAX_DEVICE:
        raise ValueError('must be the path of a device below /dev')
    return value


# What the functions above check, in the words of JSON schema. The patterns
# name values of the common form; some functions take more than that.
TIME_PATTERN = ('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$')
_CONTROL = r'\x00-\x1f\x7f-\x9f\u2028\u2029'
#: Texts of one line, and of several.
LINE_PATTERN = rf'^[^{_CONTROL}]*$'
LINES_PATTERN = (r'^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]*$')
_PART = rf'(?!\.{{1,2}}(/|$))[^/{_CONTROL}]{{1,63}}'
_PRINTED = rf'[^\s{_CONTROL}]'
_NAME = rf'({_PRINTED}([^{_CONTROL}]*{_PRINTED})?)?'
UUID_PATTERN = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
_LABEL = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
_PORT = ('[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}'
         '|655[0-2][0-9]|6553[0-5]')
_OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
_IPV4 = rf'{_OCTET}([.]{_OCTET}){{3}}'
_HOST_SCHEMA = {'anyOf': [{'pattern': f'^{_LABEL}([.]{_LABEL}){{0,3}}$'},
                          {'format': 'ipv4'}, {'format': 'ipv6'}]}
_DOCUMENTED: dict[Callable[..., Any], dict[str, Any]] = {
    mac: {'pattern': '^[0-9A-Fa-f][02468ACEace]([:-]?[0-9A-Fa-f]{2}){4}'
                     '[:-]?[0-9A-Fa-f][1-9A-Fa-f]$'},
    node_name: {'pattern': r'^(?=.*[A-Za-z])(?!(actions|count|detail)$)'
                           rf'{_LABEL_1123}([.]{_LABEL_1123}){{0,2}}$'},
    ip_list: {'items': {'type': 'string', 'anyOf': [
        {'format': 'ipv4'}, {'format': 'ipv6'}]}},
    ip_address: {'pattern': f'^({_IPV4})$'},
    host: _HOST_SCHEMA,
    compute_hosts: {'items': {
        'type': 'string', 'pattern': f'^[!-~]{{1,{MAX_COMPUTE_HOST}}}$'}},
    port: {'pattern': f'^({_PORT})$'},
    time: {'pattern': '^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|'
                      '2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}$'},
    name: {'pattern': f'^{_NAME}$'},
    names: {'items': {'type': 'string', 'pattern': f'^{_NAME}$'}},
    directory: {'pattern': f'^(/{_PART})+/?$'},
    boot_file: {'pattern': '^[\\t\\n -~]*$'},
    identifier: {'pattern': UUID_PATTERN},
    number: {'pattern': '^[1-9][0-9]{0,8}$'},
    targets: {'propertyNames': _HOST_SCHEMA,
              'additionalProperties': {
                  'type': 'array', 'minItems': 1,
                  'items': {'type': 'string',
                            'pattern': f'^{_TARGET.pattern}$'}}},
    cpu_model: {'pattern': f'^{_MODEL.pattern}$'},
    device: {'pattern': f'^{_DEVICE.pattern}$'},
}


def described(convert: Callable[..., Any] | None) -> dict[str, Any]:
    """Return keywords of JSON schema for what a function accepts."""
    return _DOCUMENTED.get(convert, {}) if convert else {}
