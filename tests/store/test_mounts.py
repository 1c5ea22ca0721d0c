"""What kind of file system a file is on."""

from __future__ import annotations

import pytest

from geartrain.store.mounts import Mount, mount_of

TABLE = r"""
rootfs / rootfs rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
tmpfs /run tmpfs rw 0 0
host:/export /mnt/far\040away nfs4 rw,addr=10.0.0.1 0 0
overlay /var/lib overlay rw 0 0
/dev/sdb1 /var/lib/geartrain xfs rw 0 0
""".strip()


@pytest.mark.parametrize(
    ("path", "mount", "is_network", "is_fleeting"),
    [
        ("/srv/jobs.db", Mount("/", "ext4"), False, False),
        ("/run/jobs.db", Mount("/run", "tmpfs"), False, True),
        ("/runner/jobs.db", Mount("/", "ext4"), False, False),
        ("/mnt/far away/jobs.db", Mount("/mnt/far away", "nfs4"), True, False),
        ("/var/lib/jobs.db", Mount("/var/lib", "overlay"), False, True),
        ("/var/lib/geartrain/jobs.db", Mount("/var/lib/geartrain", "xfs"), False, False),
    ],
)
def test_the_nearest_mount_counts(path: str, mount: Mount, is_network: bool, is_fleeting: bool) -> None:
    found = mount_of(path, TABLE)
    assert found == mount
    assert (found.is_network, found.is_fleeting) == (is_network, is_fleeting)
