# SPDX-License-Identifier: Apache-2.0
"""Keystone's own configuration, and its files for single domains.

What may be in a domain's configuration is Keystone's choice
(keystone/resource/core.py: ``DomainConfigManager``), and so are the names of
the files (keystone/identity/core.py).
"""

import dataclasses
import os
import stat
from typing import Any

from oslo_config import cfg
from oslo_config import types
from oslo_log import log as logging

from cloudmanager.common import exception

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
FILE, DATABASE = 'file', 'database'
#: Largest file of a domain that is read, in bytes.
MAX_BYTES = 1024 * 1024

Config = dict[str, dict[str, str]]

_OPTIONS: dict[str, frozenset[str]] = {
    'identity': frozenset(('driver', 'list_limit')),
    'ldap': frozenset((
        'alias_dereferencing', 'auth_pool_connection_lifetime',
        'auth_pool_size', 'chase_referrals', 'debug_level',
        'group_additional_attribute_mapping', 'group_attribute_ignore',
        'group_desc_attribute', 'group_filter', 'group_id_attribute',
        'group_member_attribute', 'group_members_are_ids',
        'group_name_attribute', 'group_objectclass', 'group_tree_dn',
        'page_size', 'pool_connection_lifetime', 'pool_connection_timeout',
        'pool_retry_delay', 'pool_retry_max', 'pool_size', 'query_scope',
        'suffix', 'tls_cacertdir', 'tls_cacertfile', 'tls_req_cert', 'url',
        'use_auth_pool', 'use_pool', 'use_tls', 'user',
        'user_additional_attribute_mapping', 'user_attribute_ignore',
        'user_default_project_id_attribute', 'user_description_attribute',
        'user_enabled_attribute', 'user_enabled_default',
        'user_enabled_emulation', 'user_enabled_emulation_dn',
        'user_enabled_emulation_use_group_config', 'user_enabled_invert',
        'user_enabled_mask', 'user_filter', 'user_id_attribute',
        'user_mail_attribute', 'user_name_attribute', 'user_objectclass',
        'user_pass_attribute', 'user_tree_dn'))}
_SECRETS: dict[str, frozenset[str]] = {'ldap': frozenset(('password',))}
_LISTS = types.Dict(value_type=types.List(bounds=True))
_KEYSTONE: dict[str, list[cfg.Opt]] = {
    'identity': [
        cfg.BoolOpt('domain_configurations_from_database', default=False),
        cfg.StrOpt('domain_config_dir', default='/etc/keystone/domains')],
    'domain_config': [
        cfg.Opt('additional_whitelisted_options', type=_LISTS),
        cfg.Opt('additional_sensitive_options', type=_LISTS)]}


@dataclasses.dataclass(frozen=True)
class DomainFile:
    """What Keystone takes of the file of a domain.

    :ivar config: values by option by group, secrets among them
    :ivar secrets: the values that must not be seen
    :ivar ignored: names of groups and options that it does not take
    """

    config: Config = dataclasses.field(repr=False)
    secrets: frozenset[str] = dataclasses.field(
        default=frozenset(), repr=False)
    ignored: tuple[str, ...] = ()


def _unreadable(path: str, why: str) -> exception.Unavailable:
    return exception.Unavailable(
        reason=f'Keystone\'s configuration {path} cannot be read: {why}.')


def _read() -> Any:
    """Return what of Keystone's configuration matters here.

    :raises Unavailable: it cannot be read
    """
    files = CONF.identity.keystone_config_files
    found = cfg.ConfigOpts()
    for group, options in _KEYSTONE.items():
        found.register_opts(options, group)
    try:
        found([], project='keystone', default_config_files=files,
              default_config_dirs=[], use_env=False)
        # Values are read when they are looked at.
        for group, options in _KEYSTONE.items():
            for option in options:
                found[group][option.name]
    except (cfg.Error, ValueError, OSError) as exc:
        # Texts of the library repeat lines, which may be secrets.
        raise _unreadable(', '.join(files), type(exc).__name__) from None
    return found


def store() -> str:
    """Return where Keystone keeps the configuration of domains.

    :returns: ``file`` or ``database``
    :raises Unavailable: its own configuration cannot be read
    """
    from_database = _read().identity.domain_configurations_from_database
    return DATABASE if from_database else FILE


def domain_file(name: str) -> DomainFile:
    """Read the file of a domain.

    :param name: of the domain
    :raises Conflict: there is none, or nothing in it is for a domain
    :raises Unavailable: it, or Keystone's configuration, cannot be read
    """
    keystone = _read()
    if '/' in name or '\0' in name:
        raise _missing(name)
    path = os.path.join(keystone.identity.domain_config_dir,
                        f'keystone.{name}.conf')
    _check(path, name)
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except cfg.ParseError as exc:
        # Its text repeats the line, which may be a secret.
        raise exception.Conflict(
            reason=f'Line {exc.lineno} of the configuration file of domain '
                   f'{name} is not valid.') from None
    except (OSError, ValueError) as exc:
        raise _unreadable(path, type(exc).__name__) from None
    found = _choose(sections, keystone.domain_config)
    if not found.config:
        raise exception.Conflict(
            reason=f'The configuration file of domain {name} has no option '
                   'that Keystone takes for a domain.')
    return found


def _missing(name: str) -> exception.Conflict:
    return exception.Conflict(
        reason=f'Domain {name} has no configuration file.')


def _check(path: str, name: str) -> None:
    """Check that there is a file that can be read to its end."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(name) from None
    except OSError as exc:
        raise _unreadable(path, exc.strerror or type(exc).__name__) from None
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
        raise _unreadable(path, 'it is no file of a domain')


def _allowed(known: dict[str, frozenset[str]],
             more: dict[str, list[str]] | None,
             group: str) -> frozenset[str]:
    """Return the options of a group, those of other drivers among them."""
    return known.get(group, frozenset()) | set((more or {}).get(group, ()))


def _choose(sections: dict[str, dict[str, list[str]]],
            more: Any) -> DomainFile:
    """Take from a file what Keystone takes for a domain.

    :param more: what its own configuration allows besides
    """
    config: Config = {}
    secrets, ignored = set(), []
    for group, options in sections.items():
        plain = _allowed(_OPTIONS, more.additional_whitelisted_options,
                         group)
        secret = _allowed(_SECRETS, more.additional_sensitive_options,
                          group)
        for option, values in options.items():
            if option not in plain | secret:
                ignored.append(f'[{group}] {option}')
                continue
            # Of an option that is given twice the last value counts.
            config.setdefault(group, {})[option] = values[-1]
            if option in secret:
                secrets.add(values[-1])
    return DomainFile(config, frozenset(secrets), tuple(ignored))
