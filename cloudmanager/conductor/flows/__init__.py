# SPDX-License-Identifier: Apache-2.0
"""Flows: the steps of each kind of task, in their order."""
