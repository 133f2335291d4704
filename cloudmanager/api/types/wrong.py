# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a body, and where in it."""

from collections.abc import Callable
from typing import TypeVar

import wsme.exc

T = TypeVar('T')


class Wrong(wsme.exc.InvalidInput):  # type: ignore[misc]  # WSME's
    """A value of a body is wrong.

    WSME keeps the value too, and repeats it; it may be a password.

    :ivar fieldname: the way to the value, with dots
    :ivar msg: the rest of the sentence that begins with it
    """

    def __init__(self, fieldname: str, msg: str) -> None:
        super().__init__(fieldname, None, msg)


def inside(name: str, check: Callable[[object], T], value: object) -> T:
    """Check a part of a value.

    :param name: of the part
    :raises Wrong: it is wrong
    """
    try:
        return check(value)
    except Wrong as exc:
        raise Wrong(f'{name}.{exc.fieldname}', exc.msg) from None
    except ValueError as exc:
        raise Wrong(name, str(exc)) from None
