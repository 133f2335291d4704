# SPDX-License-Identifier: Apache-2.0
"""Plans of what an agent would do on its node, for people."""

import shlex
from typing import Any

from cliff import columns


class CommandColumn(columns.FormattableColumn[list[str]]):
    """A command with its arguments, as in a shell."""

    def human_readable(self) -> str:
        return shlex.join(self._value)

    def machine_readable(self) -> list[str]:
        return self._value


def nothing(plan: dict[str, Any]) -> bool:
    """Return whether a plan has no steps."""
    steps = [plan[name] for name in ('steps', 'commands') if name in plan]
    steps += (plan.get('hosts') or {}).values()
    return bool(steps) and not any(steps)
