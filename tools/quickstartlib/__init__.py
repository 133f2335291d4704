# SPDX-License-Identifier: Apache-2.0
"""What tools/quickstart.sh does once there is a Python environment."""
