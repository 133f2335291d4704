# SPDX-License-Identifier: Apache-2.0
"""What every process does first: read the configuration, set up logs."""

import gc

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager import conf  # noqa: F401  registers the options
from cloudmanager import version
from cloudmanager.common import log_records

CONF = cfg.CONF
# Objects that are made before young ones are looked at for cycles.
_YOUNG_OBJECTS = 20000
QUIET = ('keystoneauth=WARNING', 'urllib3=WARNING', 'alembic=WARNING',
         'taskflow=WARNING', 'novaclient=WARNING', 'stevedore=WARNING',
         'oslo_service=WARNING', 'oslo_messaging=WARNING',
         'kombu=WARNING', 'pyghmi=WARNING', 'waitress=ERROR')


def prepare(argv: list[str], *, files: list[str] | None = None,
            prints: bool = False) -> None:
    """Read options and set up logging.

    :param argv: the arguments after the program's name
    :param files: configuration files instead of those found by name
    :param prints: whether the program answers on its standard output, where
        no log may be then: oslo.log uses it when nothing else is configured
    """
    logging.register_options(CONF)
    logging.set_defaults(default_log_levels=[
        *logging.get_default_log_levels(), *QUIET])
    CONF(argv, project='cloudmanager', default_config_files=files,
         version=version.version_info.version_string())
    if prints and not (CONF.log_file or CONF.log_dir or CONF.use_journal):
        CONF.set_override('use_stderr', True)
    log_records.install()
    logging.setup(CONF, 'cloudmanager')


def settle() -> None:
    """Keep the garbage collector from looking where it finds nothing.

    What was made at the start lives as long as the process. A long list is
    made of thousands of small objects, which go together when it is
    answered; with Python's own limits they are looked at again and again
    until then, which takes a tenth of the time of the list.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
