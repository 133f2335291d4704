# SPDX-License-Identifier: Apache-2.0
"""Where and how the boot files of nodes are written."""


from oslo_config import cfg

pxe_group = cfg.OptGroup('pxe', title='Boot files')

OPTS = [

    cfg.StrOpt('config_dir',
               sample_default='/srv/tftp/pxelinux.cfg',
               help='Directory of PXELINUX configuration files on '
                    'conductors. Each node with a MAC address gets a file '
                    'there with the data of its image. The directory must '
                    'exist. If unset, no files are written.'),
    cfg.BoolOpt('shared_config_dir', default=False,
                help='Whether all conductors see the same directory, for '
                     'instance on NFS. The nodes are then divided among '
                     'them, and all of them must have config_dir set. '
                     'Otherwise each conductor with config_dir keeps the '
                     'files of all nodes.'),
    cfg.BoolOpt('write_default_image', default=False,
                help='Whether nodes with the image "default" get a file '
                     'too. Without one, PXELINUX goes on to the file of '
                     'the site that is named "default", which the service '
                     'never touches.'),
    cfg.FloatOpt('sync_interval', default=30.0, min=1.0,
                 help='Seconds between comparisons of the directory with '
                      'the database. They correct what lost messages or '
                      'changes by hand have left.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(pxe_group)
    conf.register_opts(OPTS, group=pxe_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('pxe', OPTS)]
