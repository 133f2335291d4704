# SPDX-License-Identifier: Apache-2.0
"""JSON, as types."""

from typing import Any

#: An object whose keys are told where it is read or made.
JsonObject = dict[str, Any]
