//! A directory to make archives of.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A tree with everything that archives write in a special way.
pub(crate) fn sample(root: &Path) {
    let at = |path: &str| root.join(path);
    std::fs::create_dir_all(at("usr/bin")).unwrap();
    std::fs::write(at("usr/bin/tool"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(at("usr/bin/tool"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    std::fs::hard_link(at("usr/bin/tool"), at("usr/bin/tool-too")).unwrap();
    std::os::unix::fs::symlink("usr/bin", at("bin")).unwrap();
    std::os::unix::fs::symlink("t".repeat(300), at("long-target")).unwrap();
    let deep = format!("{}/{}", "d".repeat(200), "e".repeat(200));
    std::fs::create_dir_all(at(&deep)).unwrap();
    std::fs::write(at(&deep).join("f".repeat(255)), "deep").unwrap();
    std::fs::write(root.join(std::ffi::OsStr::from_bytes(b"odd\xff\n\x1b")), "odd").unwrap();
    std::fs::write(at("empty"), "").unwrap();
    let mut sparse = std::fs::File::create(at("sparse")).unwrap();
    sparse.set_len(40 << 20).unwrap();
    for megabyte in (1..40).step_by(3) {
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"island", megabyte << 20).unwrap();
    }
    sparse.flush().unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, mode, 0).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(at("usr/bin/tool"), "user.hardpan", b"a\0b\n", flags).unwrap();
    let _ = rustix::fs::setxattr(at("empty"), "security.capability", &CAPABILITY, flags);
    let _ = std::os::unix::fs::chown(at("empty"), Some(3_000_000), Some(4_000_000_000));
}

/// `cap_net_raw+ep` in version 2. Only root may set it; without, that one attribute is not tried.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
