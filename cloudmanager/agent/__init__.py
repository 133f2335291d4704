# SPDX-License-Identifier: Apache-2.0
"""The agent on a node, which does the work there that needs privileges."""
