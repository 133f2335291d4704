# SPDX-License-Identifier: Apache-2.0
"""What the field knows, free of HTTP, SQL and devices."""
