# SPDX-License-Identifier: Apache-2.0
"""What conductors know of the agents on nodes, and have them do."""
