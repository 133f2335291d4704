# SPDX-License-Identifier: Apache-2.0
"""The keystoneauth session with which the service reaches the cloud.

Credentials come from ``[cloud]`` of the configuration, else from
``OS_CLOUD`` and clouds.yaml, else from ``OS_*`` variables.
"""

import dataclasses
import os
import threading
from typing import Any

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import loading
from keystoneauth1 import session as ks_session
from keystoneauth1.session import Session
from oslo_config import cfg
import requests

from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
# To one service; a thread without one of these opens its own for a moment.
CONNECTIONS = 128
MISSING = '[cloud] auth_type (or OS_CLOUD, or OS_AUTH_URL)'


@dataclasses.dataclass(frozen=True, slots=True)
class _Cloud:
    """A session, and the region that its source names."""

    session: Session
    region: str | None = None


_lock = threading.Lock()
_cloud: _Cloud | None = None


def _configured() -> bool:
    return bool(CONF.cloud.auth_type or CONF.cloud.auth_section)


def missing_setting() -> str | None:
    """Name the setting without which there is no cloud, if it is unset."""
    if (_configured() or os.environ.get('OS_CLOUD')
            or os.environ.get('OS_AUTH_URL')):
        return None
    return MISSING


def get_session() -> Session:
    """Return the session of this process.

    :raises CloudNotConfigured: nothing says which cloud, or not enough
    """
    return _get().session


def endpoint_filter() -> JsonObject:
    """Return which of a service's endpoints is used."""
    return {'region_name': CONF.cloud.region_name or _get().region,
            'interface': CONF.cloud.valid_interfaces}


def reset() -> None:
    """Forget the session, for tests."""
    global _cloud
    with _lock:
        _cloud = None


def forget_token() -> None:
    """Have the next request get a new token, with a new catalogue."""
    with _lock:
        if _cloud is not None:
            _cloud.session.invalidate()


def _get() -> _Cloud:
    global _cloud
    with _lock:
        if _cloud is None:
            missing = missing_setting()
            if missing:
                raise exception.CloudNotConfigured(setting=missing)
            _cloud = _load()
            _widen(_cloud.session)
        return _cloud


def _widen(session: Session) -> None:
    """Let each thread keep its connection to a service."""
    for adapter in session.session.adapters.values():
        if isinstance(adapter, requests.adapters.HTTPAdapter):
            adapter.init_poolmanager(requests.adapters.DEFAULT_POOLSIZE,
                                     CONNECTIONS)


def _load() -> _Cloud:
    try:
        if _configured():
            return _from_configuration()
        if os.environ.get('OS_CLOUD'):
            return _from_clouds_yaml(os.environ['OS_CLOUD'])
        return _from_environment()
    except ks_exc.ClientException as exc:
        raise exception.CloudNotConfigured(
            f'The credentials of the cloud are not complete: {exc}') from exc


def _from_configuration() -> _Cloud:
    auth = loading.load_auth_from_conf_options(CONF, 'cloud')
    return _Cloud(loading.load_session_from_conf_options(
        CONF, 'cloud', auth=auth))


def _from_clouds_yaml(name: str) -> _Cloud:
    # Costly to import, and most installations do without.
    from openstack import config as sdk_config
    from openstack import exceptions as sdk_exc

    try:
        region = sdk_config.OpenStackConfig().get_one(cloud=name)
        session = region.get_session()
    except sdk_exc.ConfigException as exc:
        raise exception.CloudNotConfigured(
            f'Cloud {name} of OS_CLOUD cannot be used: {exc}') from exc
    session.timeout = CONF.cloud.timeout
    return _Cloud(session, region.get_region_name())


def _from_environment() -> _Cloud:
    loader: Any = loading.get_plugin_loader(
        os.environ.get('OS_AUTH_TYPE') or 'password')
    values = {}
    for option in loader.get_options():
        value = os.environ.get('OS_' + option.dest.upper())
        if value:
            values[option.dest] = value
    return _Cloud(
        ks_session.Session(auth=loader.load_from_options(**values),
                           timeout=CONF.cloud.timeout,
                           verify=os.environ.get('OS_CACERT') or True),
        os.environ.get('OS_REGION_NAME'))
