# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the documentation."""

import os
import warnings

# A library imports eventlet though nothing of it is used.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')

extensions = [
    'cliff.sphinxext',
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'oslo_policy.sphinxpolicygen',
    'sphinx.ext.autodoc',
]

project = 'CloudManager'
copyright = 'CloudManager contributors'
master_doc = 'index'
exclude_patterns = []
add_function_parentheses = True
pygments_style = 'native'
nitpicky = True
# Bases and errors of openstacksdk, whose documentation is elsewhere.
nitpick_ignore_regex = [('py:.*', r'(openstack|keystoneauth1|requests)\..*')]

# Types of the SDK are told in words.
autodoc_typehints = 'none'
autodoc_member_order = 'bysource'
autoprogram_cliff_application = 'openstack'

# Theme
html_theme = 'openstackdocs'
html_static_path = ['_static']
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = 'cloudmanager'
openstackdocs_use_storyboard = False
version = ''
release = ''

# Generated samples; the paths are seen from this file.
_etc = os.path.join('..', '..', 'etc', 'cloudmanager')
config_generator_config_file = [
    (os.path.join(_etc, 'config-generator.conf'), '_static/cloudmanager')]
policy_generator_config_file = os.path.join(_etc, 'policy-generator.conf')
sample_policy_basename = '_static/cloudmanager'
