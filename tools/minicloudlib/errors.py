# SPDX-License-Identifier: Apache-2.0
"""The one exception that reaches the user."""


class MinicloudError(Exception):
    """What went wrong, in words for the user, and the log to look at."""

    # The exit code.
    code = 1

    def __init__(self, message, log=None):
        super().__init__(message)
        self.log = log
