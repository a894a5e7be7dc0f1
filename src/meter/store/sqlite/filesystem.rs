//! Whether a directory lies on a network file system. File locks do not hold there for sure, and
//! without them neither SQLite's transactions nor the presence of runs do: "How To Corrupt An SQLite
//! Database File", 2.1. Nor is the memory that the processes of a write-ahead log share the same where
//! several machines have the files open, a virtual machine and its host among them.

use std::path::Path;

/// What kind of network file system `path` lies on, or would; none where it is a local one, or one
/// that cannot be told.
pub(super) fn network(path: &Path) -> Option<String> {
    let existing = path.ancestors().find(|path| path.exists())?;
    of(existing)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn of(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    // The numbers are 32 bits wide, in a field whose width and sign depend on the machine.
    let magic = rustix::fs::statfs(path).ok()?.f_type as u32;
    if magic != linux::FUSE {
        return linux::named(magic).map(str::to_owned);
    }
    let device = path.metadata().ok()?.dev();
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    linux::fuse(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, &device).map(str::to_owned)
}

#[cfg(target_vendor = "apple")]
fn of(path: &Path) -> Option<String> {
    /// `MNT_LOCAL` of `sys/mount.h`.
    const LOCAL: u32 = 0x1000;
    let about = rustix::fs::statfs(path).ok()?;
    let name = about.f_fstypename.iter().take_while(|&&byte| byte != 0);
    (about.f_flags & LOCAL == 0).then(|| name.map(|&byte| char::from(byte as u8)).collect())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn of(_path: &Path) -> Option<String> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    /// `FUSE_SUPER_MAGIC`.
    pub(super) const FUSE: u32 = 0x6573_5546;

    /// From `linux/magic.h`, and for those outside of the kernel's tree from `statfs(2)` and GNU
    /// coreutils' `stat.c`.
    const KINDS: [(u32, &str); 17] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0xFE53_4D42, "SMB"),
        (0x0102_1997, "9p"),
        (0x5346_414F, "AFS"),
        (0x6B41_4653, "AFS"),
        (0x00C3_6400, "Ceph"),
        (0x7375_7245, "Coda"),
        (0x564C, "NCP"),
        (0x0BD0_0BD0, "Lustre"),
        (0x4750_4653, "GPFS"),
        // Of disks that several machines share.
        (0x7461_636F, "OCFS2"),
        (0x0116_1970, "GFS2"),
        // Of a virtual machine's host.
        (0x786F_4256, "vboxsf"),
        (0xBACB_ACBC, "vmhgfs"),
        (0x7C7C_6673, "prl_fs"),
    ];

    /// File systems in user space that keep their files on other machines, the host of a virtual machine
    /// among them.
    const SERVED: [&str; 28] = [
        "afpfs",
        "blobfuse",
        "blobfuse2",
        "ceph",
        "ceph-fuse",
        "curlftpfs",
        "cvmfs2",
        "davfs",
        "davfs2",
        "gcsfuse",
        "grpcfuse",
        "glusterfs",
        "goofys",
        "google-drive-ocamlfuse",
        "gvfsd-fuse",
        "httpfs",
        "juicefs",
        "lizardfs",
        "moosefs",
        "mount-s3",
        "osxfs",
        "rclone",
        "s3fs",
        "seaweedfs",
        "smbnetfs",
        "sshfs",
        "virtiofs",
        "vmhgfs-fuse",
    ];

    pub(super) fn named(magic: u32) -> Option<&'static str> {
        KINDS.iter().find(|(kind, _)| *kind == magic).map(|&(_, name)| name)
    }

    /// The kind of the mount of `device`, given the text of `/proc/self/mountinfo` (proc(5)):
    /// `36 35 0:42 / /mnt rw,noatime master:1 - fuse.sshfs host:/dir rw`. The kernel's own virtiofs has
    /// FUSE's number, and a name of its own.
    pub(super) fn fuse<'a>(mounts: &'a str, device: &str) -> Option<&'a str> {
        mounts.lines().find_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            let kind = kind.split(' ').next()?;
            let kind = kind.strip_prefix("fuse.").unwrap_or(kind);
            (mount.split(' ').nth(2)? == device && SERVED.contains(&kind)).then_some(kind)
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn kinds_are_told_by_their_number() {
            assert_eq!(named(0x6969), Some("NFS"));
            // What a 32-bit machine and a sign extension make of it.
            assert_eq!(named(0xFFFF_FFFF_FF53_4D42_u64 as i64 as u32), Some("CIFS"));
            for (host, name) in [(0x786F_4256, "vboxsf"), (0x7461_636F, "OCFS2"), (0x0116_1970, "GFS2")] {
                assert_eq!(named(host), Some(name));
            }
            // ext4, overlayfs, tmpfs, btrfs, XFS, ZFS.
            for local in [0xEF53, 0x794C_7630, 0x0102_1994, 0x9123_683E, 0x5846_5342, 0x2FC1_2FC1] {
                assert_eq!(named(local), None, "{local:x}");
            }
        }

        #[test]
        fn a_mount_in_user_space_is_told_by_its_name() {
            let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                          36 22 0:42 / /home/a\\040b rw,nosuid shared:9 master:1 - fuse.sshfs host:/dir rw\n\
                          37 22 0:43 / /vault rw - fuse.gocryptfs /dir rw\n\
                          38 22 0:44 / /disk rw - fuseblk /dev/sdb1 rw\n\
                          39 22 0:45 / /host rw,relatime - virtiofs share rw\n\
                          40 22 0:46 / /Users rw - fuse.grpcfuse grpcfuse rw\n\
                          41 22 0:47 / /mnt/hgfs rw - fuse.vmhgfs-fuse vmhgfs-fuse rw\n\
                          42 22 0:48 / /merged rw - fuse.fuse-overlayfs fuse-overlayfs rw\n\
                          43 22 0:43 /a /bound rw - fuse.gocryptfs /dir rw\n";
            for (device, kind) in
                [("0:42", "sshfs"), ("0:45", "virtiofs"), ("0:46", "grpcfuse"), ("0:47", "vmhgfs-fuse")]
            {
                assert_eq!(fuse(mounts, device), Some(kind));
            }
            // A bind mount, as containers have them, is of the device that it shows.
            for local in ["0:43", "0:44", "0:48", "254:0", "0:99"] {
                assert_eq!(fuse(mounts, local), None);
            }
            assert_eq!(fuse("", "0:42"), None);
        }
    }
}
