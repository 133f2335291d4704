# SPDX-License-Identifier: Apache-2.0
"""BMCs by IPMI 2.0."""
