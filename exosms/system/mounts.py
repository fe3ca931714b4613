"""Which file system a path is on: locks and shared memory of processes hold within one machine only on some."""

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""Linux's list of mounts, see proc_pid_mountinfo(5); other systems have none."""

_SHARED = frozenset(
    (
        "9p", "afs", "ceph", "cifs", "drvfs", "fuse.ceph-fuse", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone",
        "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "prl_fs", "smb2", "smb3", "smbfs",
        "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse",
    )
)  # fmt: skip
"""Those of other machines, or of the one that this one runs within."""


def shared_file_system(path: Path) -> str | None:
    """Return the type of the file system that a path is on if other machines use it, too; None where none tells."""
    try:
        mounts = os.fsdecode(MOUNTS.read_bytes())
    except OSError:
        return None
    there = os.path.realpath(path)
    at, kind = "", ""
    for line in filter(None, mounts.split("\n")):  # no other line end is escaped in a name
        fields, _, source = line.partition(" - ")
        point = _unescaped(fields.split(" ")[4])
        if len(point) >= len(at) and os.path.commonpath((point, there)) == point:  # of equals the last covers others
            at, kind = point, source.split(" ")[0]
    return kind if kind in _SHARED else None


def _unescaped(point: str) -> str:
    """Return a mount point with its blanks, which stand in octal there."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)
