"""Which file system a folder is on, from mountinfo as real machines have it."""

from pathlib import Path

import pytest

from workbench.machine.filesystems import Mount, is_network, mount_of, nearest, parse_mountinfo

# a laboratory's node, an overlay container with a bind-mounted home, WSL2
NODE = r"""
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
88 22 0:45 / /home rw,relatime shared:44 - nfs4 filer:/export/home rw,vers=4.2,rsize=1048576,hard,proto=tcp
91 88 8:17 / /home/ada/scratch\040disk rw,noatime - xfs /dev/sdb1 rw,attr2,inode64
95 22 0:52 / /lustre/work rw,flock - lustre 10.0.0.1@o2ib:/work rw,flock,lazystatfs
97 22 0:60 / /mnt/remote rw,nosuid,nodev - fuse.sshfs ada@host:/data rw,user_id=1000,group_id=1000
98 22 0:61 / /mnt/usb rw,nosuid,nodev - fuseblk /dev/sdc1 rw,user_id=0,group_id=0
99 22 0:62 / /gpfs rw,relatime - gpfs gpfs0 rw
100 22 0:63 / /beegfs rw,relatime - beegfs beegfs_nodev rw,cfgFile=/etc/beegfs/beegfs-client.conf
"""
CONTAINER = r"""
1551 1411 0:147 / / rw,relatime master:532 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A
1552 1551 0:150 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1560 1551 0:45 /ada /home/jovyan rw,relatime master:44 - nfs 10.1.1.5:/home rw,vers=3,nolock
1570 1560 259:1 /local/ada /home/jovyan/local rw,relatime - ext4 /dev/nvme0n1p1 rw
"""
WSL = r"""
61 70 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard,errors=remount-ro,data=ordered
107 61 0:55 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs;path=C:\;uid=1000;gid=1000
"""


@pytest.mark.parametrize(
    ("mountinfo", "folder", "kind", "network"),
    [
        (NODE, "/srv/data", "ext4", False),
        (NODE, "/home/ada/.local/share/deepseek-workbench", "nfs4", True),
        (NODE, "/home/ada/scratch disk/bench", "xfs", False),
        (NODE, "/homestead", "ext4", False),
        (NODE, "/lustre/work/ada", "lustre", True),
        (NODE, "/mnt/remote", "fuse.sshfs", True),
        (NODE, "/mnt/usb/x", "fuseblk", False),
        (NODE, "/gpfs/home", "gpfs", True),
        (NODE, "/beegfs/home", "beegfs", True),
        (CONTAINER, "/home/jovyan/work", "nfs", True),
        (CONTAINER, "/home/jovyan/local/bench", "ext4", False),
        (CONTAINER, "/opt", "overlay", False),
        (WSL, "/mnt/c/Users/ada", "9p", True),
        (WSL, "/home/ada", "ext4", False),
    ],
)
def test_a_folder_is_on_the_deepest_mount_above_it(mountinfo: str, folder: str, kind: str, network: bool) -> None:
    mount = nearest(Path(folder), parse_mountinfo(mountinfo))
    assert (mount.kind, mount.network) == (kind, network)


def test_the_later_of_two_mounts_on_one_point_hides_the_earlier() -> None:
    twice = (
        "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:3 / /data rw - autofs systemd-1 rw\n3 1 0:4 / /data rw - nfs4 s:/d rw"
    )
    assert nearest(Path("/data/x"), parse_mountinfo(twice)).kind == "nfs4"


@pytest.mark.parametrize("line", ["", "garbage", "36 35 98:0 /mnt1", "36 35 98:0 / - ext3 /dev/root rw"])
def test_lines_that_are_no_mounts_are_passed_over(line: str) -> None:
    assert parse_mountinfo(line) == ()


def test_any_number_of_optional_fields_may_stand_before_the_kind() -> None:
    line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 propagate_from:3 - ext3 /dev/root rw,errors=continue"
    assert parse_mountinfo(line) == (Mount(Path("/mnt2"), "ext3"),)


def test_an_unknown_kind_is_not_called_a_network() -> None:
    assert nearest(Path("/x"), ()) == Mount(Path("/"), None)
    assert not Mount(Path("/"), None).network
    assert not is_network("btrfs")
    assert is_network("CIFS")


def test_a_link_leads_to_where_the_files_are(tmp_path: Path) -> None:
    (tmp_path / "filer").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "filer")
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:3 / {tmp_path / 'filer'} rw - nfs4 s:/d rw\n")
    assert mount_of(tmp_path / "home" / "not there yet", mountinfo).kind == "nfs4"


def test_elsewhere_psutil_is_asked(tmp_path: Path) -> None:
    assert mount_of(tmp_path, tmp_path / "no mountinfo").kind is not None
