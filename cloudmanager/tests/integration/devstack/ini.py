# SPDX-License-Identifier: Apache-2.0
"""Set or delete an option of a file: ini.py set|delete FILE SECTION OPTION
[VALUE].
"""

import configparser
import pathlib
import sys


def main(verb, path, section, option, value=''):
    config = configparser.RawConfigParser(default_section='')
    config.optionxform = str
    file = pathlib.Path(path)
    if file.exists():
        config.read(file)
    if verb == 'set':
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, option, value)
    elif config.has_section(section):
        config.remove_option(section, option)
    # The file stays the same one: its mode is its maker's.
    with file.open('w') as output:
        config.write(output)


main(*sys.argv[1:])
