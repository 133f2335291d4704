# SPDX-License-Identifier: Apache-2.0
"""What conductors know about the agents on nodes, and request from them."""
