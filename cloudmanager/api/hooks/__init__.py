# SPDX-License-Identifier: Apache-2.0
"""What Pecan does with each request before and after its operation."""

from pecan import hooks

from cloudmanager.api.hooks import access
from cloudmanager.api.hooks import answers
from cloudmanager.api.hooks import reading


def all_hooks() -> list[hooks.PecanHook]:
    """Return the hooks; Pecan sorts them by their priority."""
    return [access.ContextHook(), access.PolicyHook(),
            reading.BodyHook(), reading.ParametersHook(),
            answers.StatusHook(), answers.ErrorsHook()]
