# SPDX-License-Identifier: Apache-2.0
"""What the firmware tells of the machine, as dmidecode prints it."""

from cloudmanager.agent import commands
from cloudmanager.common import exception

#: What firmware says where it has nothing to say.
_NOTHING = frozenset((
    '', 'Unknown', 'Not Specified', 'Not Provided', 'Not Settable',
    'Not Present', 'None', '<OUT OF SPEC>', 'To Be Filled By O.E.M.'))
#: Our names of what tells a machine from others: type, title, and field.
_SERIALS = {
    'system_serial': ('System Information', 'Serial Number'),
    'system_uuid': ('System Information', 'UUID'),
    'board_serial': ('Base Board Information', 'Serial Number'),
    'chassis_serial': ('Chassis Information', 'Serial Number'),
    'chassis_asset_tag': ('Chassis Information', 'Asset Tag')}
_SERIAL_TYPES, _MODULE_TYPE = '1,2,3', '17'


def parse(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return the structures in the output of dmidecode.

    :returns: of each its title, and its values by their names, without those
        that say nothing; lists of values are left out
    """
    found = []
    for block in text.split('\n\n'):
        lines = block.splitlines()
        if not lines or not lines[0].startswith('Handle '):
            continue
        fields = (line[1:].partition(':') for line in lines[2:]
                  if line.startswith('\t') and not line.startswith('\t\t'))
        values = {name: value.strip() for name, _, value in fields}
        found.append((lines[1] if len(lines) > 1 else '', {
            name: value for name, value in values.items()
            if value not in _NOTHING}))
    return found


def _structures(types: str) -> list[tuple[str, dict[str, str]]]:
    found = parse(commands.run('dmidecode', '--type', types).out)
    if not found:
        raise exception.Unavailable(
            reason='The firmware of the node does not tell it.')
    return found


def memory_modules() -> list[dict[str, str]]:
    """Return the places for memory modules, by dmidecode's own names.

    A place that is empty has the ``Size`` ``No Module Installed``.

    :raises CommandFailed: dmidecode is missing, or finds no tables
    :raises Unavailable: the firmware tells of no modules
    """
    return [values for _, values in _structures(_MODULE_TYPE)]


def serials() -> dict[str, str | None]:
    """Return the serial numbers of the machine; null for what is not told.

    :raises CommandFailed: dmidecode is missing, or finds no tables
    :raises Unavailable: the firmware tells nothing of it
    """
    told = dict(reversed(_structures(_SERIAL_TYPES)))
    return {name: told.get(title, {}).get(field)
            for name, (title, field) in _SERIALS.items()}
