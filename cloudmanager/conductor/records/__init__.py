# SPDX-License-Identifier: Apache-2.0
"""What tasks and their items remember, one module for each kind of work.

All that is written into the columns ``memory`` is declared here, and read and
written here only, but for the few keys (``domain.task_states.SHOWN``) that the
API answers.
"""
