# SPDX-License-Identifier: Apache-2.0
"""What Tempest asks a plugin."""

from collections.abc import Sequence
import os
from typing import Any

from oslo_config import cfg
from tempest import config
from tempest.test_discover import plugins

from cloudmanager_tempest_plugin import config as options
from cloudmanager_tempest_plugin.services import v1

PACKAGE = 'cloudmanager_tempest_plugin'


class CloudManagerPlugin(plugins.TempestPlugin):
    """Tests, options and clients of CloudManager."""

    def load_tests(self) -> tuple[str, str]:
        """Return the directory of the tests, and the one they are named in."""
        top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        return os.path.join(top, PACKAGE, 'tests'), top

    def register_opts(self, conf: cfg.ConfigOpts) -> None:
        """Add the options of CloudManager to those of Tempest."""
        conf.register_opt(options.SERVICE_OPTION, group='service_available')
        for group, found in _groups():
            conf.register_group(group)
            conf.register_opts(found, group)

    def get_opt_lists(self) -> list[tuple[str, Sequence[cfg.Opt]]]:
        """Return the options for the sample configuration."""
        return [('service_available', [options.SERVICE_OPTION]),
                *((group.name, found) for group, found in _groups())]

    def get_service_clients(self) -> list[dict[str, Any]]:
        """Return how the clients are made."""
        return [{
            'name': 'cloudmanager_v1',
            'service_version': 'cloudmanager.v1',
            'module_path': v1.__name__,
            'client_names': v1.__all__,
            **config.service_client_config('cloudmanager')}]


def _groups() -> list[tuple[cfg.OptGroup, Sequence[cfg.Opt]]]:
    return [(options.GROUP, options.OPTIONS),
            (options.FEATURES_GROUP, options.FEATURES)]
