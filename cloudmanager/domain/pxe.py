# SPDX-License-Identifier: Apache-2.0
"""Boot files of nodes, in the form and under the names of PXELINUX.

Facts about PXELINUX come from the documentation of Syslinux (doc/pxelinux.txt
and the manual page syslinux.cfg(5)) and from its reader of configuration
files (com32/elflink/ldlinux/readconfig.c).
"""

from collections.abc import Iterator
import re
import unicodedata

MAX_BYTES = 65536
# PXELINUX reads lines into 4096 bytes; the rest of a longer one would count
# as a line of its own.
MAX_LINE_BYTES = 4094
MARK = '# Written by CloudManager'
# PXELINUX puts the hardware type in front of the address: 01 is Ethernet.
_NAME = re.compile(r'01((?:-[0-9a-f]{2}){6})')
_MAC = re.compile(r'[0-9a-f]{2}(:[0-9a-f]{2}){5}')

# Directives with names of files. The first word of these is one:
_FILE = frozenset((
    'include', 'label', 'display', 'font', 'menu include',
    'menu background'))
# The first word of these is one, and the command line of a kernel or module
# follows, which may name more:
_COMMAND = frozenset((
    'kernel', 'linux', 'boot', 'bss', 'pxe', 'fdimage', 'comboot', 'com32',
    'config', 'initrd', 'kbdmap', 'path', 'ui', 'default', 'ontimeout',
    'onerror', 'menu onerror', 'fdt', 'fdtdir', 'fdtoverlays', 'devicetree',
    'devicetreedir', 'devicetree-overlay'))
_SPACE = re.compile(r'[ \t]+')
_HELP_KEY = re.compile(r'f[+-]?[0-9]*')
# A part of a path, or of several with a comma or colon between them.
_CLIMBS = re.compile(r'(^|[/\\,:])\.\.($|[/\\,:])')
_INITRD = 'initrd='


def file_name(mac: str) -> str:
    """Return the name of a boot file.

    :param mac: in lower case with colons
    """
    return '01-' + mac.replace(':', '-')


def mac_of(name: str) -> str | None:
    """Return the MAC address that a boot file is named after, if any."""
    match = _NAME.fullmatch(name)
    return match.group(1)[1:].replace('-', ':') if match else None


def is_mac(text: str) -> bool:
    """Tell whether a text is a MAC address in the form of file_name."""
    return _MAC.fullmatch(text) is not None


def content(node_id: int, image_id: int, file_data: str) -> bytes:
    """Return what a boot file contains; its first line says it is ours."""
    end = '' if file_data.endswith('\n') else '\n'
    return (f'{MARK}: image {image_id} of node {node_id}. Changes by hand '
            f'are lost.\n{file_data}{end}').encode()


def check(file_data: str) -> str:
    """Check the data of an image, and return it.

    A node that boots from it must not be led to files outside of the
    directory that PXELINUX is served from. So what names a file must be a
    relative path without ``..``, and neither a URL nor a file of another
    server (``host::file``).

    :raises ValueError: it is too long, contains control characters, or
        names a file outside
    """
    if len(file_data.encode()) > MAX_BYTES:
        raise ValueError(f'must not have more than {MAX_BYTES} bytes')
    for number, line in enumerate(file_data.split('\n'), 1):
        if len(line.encode()) > MAX_LINE_BYTES:
            raise ValueError(f'must not have more than {MAX_LINE_BYTES} '
                             f'bytes in a line (line {number})')
        if any(unicodedata.category(character) == 'Cc'
               for character in line.replace('\t', ' ')):
            raise ValueError('must not contain control characters but '
                             f'newlines and tabs (line {number})')
        if any(map(_is_outside, _files(line))):
            raise ValueError(
                'must not name files outside of the boot directory, by an '
                f'absolute path, "..", "::" or a URL (line {number})')
    return file_data


def _files(line: str) -> Iterator[str]:
    """Return what in a line may be names of files."""
    yield from _of_words(_SPACE.split(line.strip(' \t')))
    if not line.isascii():
        # Builds of PXELINUX whose char is signed take these bytes for
        # spaces.
        plain = ''.join(character if character.isascii() else ' '
                        for character in line)
        yield from _of_words(_SPACE.split(plain.strip(' \t')))


def _of_words(words: list[str]) -> Iterator[str]:
    directive, *rest = words
    directive = directive.lower()
    if directive == 'menu' and rest:
        second, *rest = rest
        directive = f'menu {second.lower()}'
    if directive == 'menu hiddenkey':
        # The key, and then a command.
        directive, rest = 'default', rest[1:]
    if directive in _FILE:
        yield from rest[:1]
    elif directive in _COMMAND:
        yield from rest[:1]
        yield from _arguments(rest[1:])
    elif directive == 'append':
        yield from _arguments(rest)
    elif _HELP_KEY.fullmatch(directive):
        yield from rest


def _arguments(words: list[str]) -> Iterator[str]:
    """Return the names of files on a command line.

    Menus and multiboot loaders take them as plain words. Of words with a
    value only initrd is read by PXELINUX, wherever it stands; the rest is
    the kernel's, but for names that merely look like one.
    """
    for word in words:
        if _INITRD in word:
            yield from word.split(_INITRD)[1:]
        elif '=' not in word or _CLIMBS.search(word):
            yield word


def _is_outside(name: str) -> bool:
    if '::' in name or '://' in name:
        return True
    return bool(_CLIMBS.search(name)) or any(
        part.startswith(('/', '\\')) for part in re.split('[,:]', name))
