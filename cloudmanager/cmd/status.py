# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-status: checks before an upgrade."""

import os
import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from cloudmanager import conf  # noqa: F401  registers the options
from cloudmanager.common import exception
from cloudmanager.common import policy
from cloudmanager.common import secrets
from cloudmanager.db import api as db_api
from cloudmanager.db import migration

Code = upgradecheck.Code


class Checks(upgradecheck.UpgradeCommands):
    """What must hold before the new code starts."""

    def _database(self) -> upgradecheck.Result:
        try:
            migration.check_known()
        except exception.Misconfigured as exc:
            return upgradecheck.Result(Code.FAILURE, str(exc))
        found, wanted = migration.version(), migration.head()
        if found == wanted:
            return upgradecheck.Result(Code.SUCCESS)
        return upgradecheck.Result(
            Code.FAILURE, f'The database is at {found}, the code needs '
                          f'{wanted}: run cloudmanager-manage db upgrade.')

    def _keys(self) -> upgradecheck.Result:
        try:
            secrets.check()
            secrets.encrypt('')
        except exception.Unavailable as exc:
            return upgradecheck.Result(Code.FAILURE, str(exc))
        return upgradecheck.Result(Code.SUCCESS)

    def _policy(self) -> upgradecheck.Result:
        try:
            policy.load()
        except exception.Misconfigured as exc:
            return upgradecheck.Result(Code.FAILURE, str(exc))
        return upgradecheck.Result(Code.SUCCESS)

    def _boot_files(self) -> upgradecheck.Result:
        path = cfg.CONF.pxe.config_dir
        if not path or (os.path.isdir(path)
                        and os.access(path, os.R_OK | os.W_OK | os.X_OK)):
            return upgradecheck.Result(Code.SUCCESS)
        return upgradecheck.Result(
            Code.WARNING, f'[pxe] config_dir {path} is no directory that '
                          'this user may write to; a conductor here could '
                          'not write boot files.')

    _upgrade_checks = (('Database schema', _database),
                       ('Encryption keys', _keys),
                       ('Policy files', _policy),
                       ('Directory of boot files', _boot_files))


class _Command(Checks):
    """The checks of a process that has not read its options yet."""

    def check(self) -> Code:
        """Look into the database that the options name, and run them all."""
        db_api.configure()
        return super().check()


def main() -> int:
    """Run the checks; 0 is well, 1 a warning, 2 a failure."""
    return upgradecheck.main(cfg.CONF, project='cloudmanager',
                             upgrade_command=_Command())


if __name__ == '__main__':
    sys.exit(main())
