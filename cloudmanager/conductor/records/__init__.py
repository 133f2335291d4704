# SPDX-License-Identifier: Apache-2.0
"""The memory of tasks and their items, one module for each kind of work.

Everything that the columns ``memory`` hold is declared here. Only these
modules read and write it, except that the API reads a few keys
(``domain.task_states.SHOWN``).
"""
