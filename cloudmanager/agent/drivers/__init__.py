# SPDX-License-Identifier: Apache-2.0
"""How each mode of a node is read and set, with the node's own tools."""
