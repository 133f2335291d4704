# SPDX-License-Identifier: Apache-2.0
"""What every process does first: read the configuration, set up logs."""

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager import conf  # noqa: F401  registers the options
from cloudmanager import version

CONF = cfg.CONF
QUIET = ('keystoneauth=WARNING', 'urllib3=WARNING', 'alembic=WARNING',
         'taskflow=WARNING', 'novaclient=WARNING', 'stevedore=WARNING',
         'oslo_service=WARNING', 'oslo_messaging=WARNING',
         'kombu=WARNING', 'pyghmi=WARNING')


def prepare(argv: list[str], *, files: list[str] | None = None) -> None:
    """Read options and set up logging.

    :param argv: the arguments after the program's name
    :param files: configuration files instead of those found by name
    """
    logging.register_options(CONF)
    logging.set_defaults(default_log_levels=[
        *logging.get_default_log_levels(), *QUIET])
    CONF(argv, project='cloudmanager', default_config_files=files,
         version=version.version_info.version_string())
    logging.setup(CONF, 'cloudmanager')
