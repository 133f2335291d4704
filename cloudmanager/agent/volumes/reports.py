# SPDX-License-Identifier: Apache-2.0
"""Reading the present state of LVM."""

from oslo_log import log as logging

from cloudmanager.agent import commands
from cloudmanager.common import exception
from cloudmanager.domain import lvm
from cloudmanager.domain import lvm_reports
from cloudmanager.domain import lvm_rules

LOG = logging.getLogger(__name__)
# With this status LVM reports what it can, and that something is missing.
_PARTLY = 5
_CODES = (0, _PARTLY)


def read() -> list[lvm.VolumeGroup]:
    """Return all volume groups of the node.

    :raises CommandFailed: LVM is not installed, or its report cannot be read
    """
    texts = [_report(*words) for words in lvm_reports.COMMANDS]
    try:
        return lvm_reports.groups(*texts)
    except ValueError as exc:
        raise exception.CommandFailed(program='lvs',
                                      reason=f'{exc}') from exc


def _report(*words: str) -> str:
    """Return a report, made without locks if LVM gets none.

    LVM older than 2.03.31 reports nothing while lvmlockd runs and sanlock
    does not, or while another host keeps the global lock for long.
    """
    found = commands.run(*words, codes=_CODES)
    if found.code and lvm_reports.LOCK_FAILED in found.error:
        LOG.warning('%(program)s reports without locks: %(error)s', {
            'program': words[0], 'error': found.error.strip()[:500]})
        found = commands.run(*words, lvm_reports.NO_LOCKS, codes=_CODES)
    if found.is_cut:
        raise exception.CommandFailed(
            program=words[0],
            reason=f'its report is longer than {len(found.out)} characters')
    return found.out


def find(group_name: str,
         volume_name: str) -> tuple[lvm.VolumeGroup, lvm.LogicalVolume]:
    """Return a volume and its group as they are now.

    :raises VolumeGroupNotFound: there is no such group
    :raises LogicalVolumeNotFound: there is no such volume
    """
    group = lvm_rules.find_group(read(), group_name)
    return group, lvm_rules.find_volume(group, volume_name)
