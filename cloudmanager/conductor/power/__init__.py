# SPDX-License-Identifier: Apache-2.0
"""How nodes are switched and read."""
