# SPDX-License-Identifier: Apache-2.0
"""TaskFlow atoms: what a flow does."""
