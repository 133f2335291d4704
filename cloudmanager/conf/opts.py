# SPDX-License-Identifier: Apache-2.0
"""All options, for the sample configuration generator."""


from oslo_config import cfg

from cloudmanager import conf


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return pairs of group name and options."""
    found = []
    for module in conf.GROUPS:
        found.extend(module.list_opts())
    return found
