# SPDX-License-Identifier: Apache-2.0
"""The agent on a node, which does there what needs privileges."""
