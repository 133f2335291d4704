# SPDX-License-Identifier: Apache-2.0
"""Version of the installed package."""

import pbr.version

version_info = pbr.version.VersionInfo('cloudmanager')
