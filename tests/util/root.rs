//! A little root file system with everything in it that makes such trees hard: links, privileges, holes, odd names.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::os::unix::net::UnixListener;

use super::{Dir, chmod, elf};

/// A program whose name attacks terminals, and is no UTF-8.
pub(crate) const TERMINAL_ATTACK: &[u8] = b"root/opt/\xff\x1b]0;pwned\x07\x1b[31m\nred\xe2\x80\xaeexe";

/// A program whose path attacks pages. (A name has no slash: the directory's name ends with `<`.)
pub(crate) const PAGE_ATTACK: &str = "root/opt/<script>alert(1)</script>";

/// Makes the tree below `root` of the directory, without extended attributes.
pub(crate) fn build(dir: &Dir) {
    for name in ["usr/bin", "usr/sbin", "usr/lib/systemd/system", "etc", "run", "proc", "sys", "dev", "opt"] {
        fs::create_dir_all(dir.path("root").join(name)).unwrap();
    }
    for (name, mode) in [("root/tmp", 0o1777), ("root/root", 0o700), ("root/var/lib", 0o755)] {
        fs::create_dir_all(dir.path(name)).unwrap();
        chmod(&dir.path(name), mode);
    }
    links(dir);
    accounts(dir);
    configuration(dir);
    programs(dir);
    oddities(dir);
}

/// Gives files capabilities, SELinux labels and users' own attributes. Only the superuser can.
pub(crate) fn privilege(dir: &Dir) {
    dir.tool("setcap", &["cap_net_raw,cap_net_admin=ep", "root/usr/bin/ping"]);
    dir.tool("setfattr", &["-n", "user.comment", "-v", "of no importance", "root/usr/bin/weak"]);
    let label = "system_u:object_r:bin_t:s0";
    for name in ["root/usr/bin/hardened", "root/etc/passwd"] {
        dir.tool("setfattr", &["-n", "security.selinux", "-v", label, name]);
    }
}

fn links(dir: &Dir) {
    let link = |target: &str, name: &str| symlink(target, dir.path("root").join(name)).unwrap();
    for (target, name) in [("usr/bin", "bin"), ("usr/sbin", "sbin"), ("usr/lib", "lib")] {
        link(target, name);
    }
    link("/usr/lib/os-release", "etc/os-release");
    link("loop-b", "opt/loop-a");
    link("loop-a", "opt/loop-b");
    link("../../../../../../../../etc/passwd", "opt/above");
    link("nowhere", "opt/dangling");
}

fn accounts(dir: &Dir) {
    dir.write(
        "root/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/sbin/nologin\n",
    );
    let shadow =
        dir.write("root/etc/shadow", "root:*:19000::::::\ntoor::19000::::::\napp:$6$ab$cd:19000::::::\n");
    chmod(&shadow, 0o600);
    dir.write("root/etc/group", "root:x:0:\nsudo:x:27:app\n");
    dir.write("root/etc/nsswitch.conf", "passwd: files\n");
}

fn configuration(dir: &Dir) {
    dir.write("root/usr/lib/os-release", "ID=example\nPRETTY_NAME=\"Example Container OS 1.0\"\n");
    dir.write("root/etc/fstab", "/dev/sda1 / ext4 rw 0 1\ntmpfs /tmp tmpfs nosuid,nodev 0 0\n");
    dir.write("root/etc/selinux/config", "SELINUX=permissive\nSELINUXTYPE=targeted\n");
    dir.write("root/usr/lib/sysctl.d/50-default.conf", "kernel.kptr_restrict = 2\nkernel.sysrq = 16\n");
    dir.write("root/boot/loader/entries/a.conf", "linux /vmlinuz\noptions root=/dev/sda1 ro selinux=0\n");
    dir.write("root/boot/vmlinuz", [0x4d, 0x5a, 0, 0].repeat(64));
    let unit = "[Unit]\nDescription=Login\n[Service]\nExecStart=/usr/bin/hardened\n[Install]\nWantedBy=multi-user.target\n";
    for name in ["sshd.service", "getty@.service", "app.service"] {
        dir.write(format!("root/usr/lib/systemd/system/{name}"), unit);
    }
    dir.write("root/usr/lib/systemd/system/job.timer", "[Timer]\nOnCalendar=daily\n");
    let wants = "root/usr/lib/systemd/system/multi-user.target.wants";
    fs::create_dir_all(dir.path(wants)).unwrap();
    symlink("../sshd.service", dir.path(wants).join("sshd.service")).unwrap();
    dir.write("root/etc/cron.d/job", "* * * * * root /usr/bin/weak\n");
}

fn programs(dir: &Dir) {
    for (name, bytes) in [
        ("hardened", elf::hardened()),
        ("weak", elf::weak()),
        ("fixed", elf::fixed()),
        ("ping", elf::hardened()),
        ("sudo", elf::weak()),
        ("bash", elf::weak()),
        ("wget", elf::hardened()),
    ] {
        dir.write_program(format!("root/usr/bin/{name}"), bytes);
    }
    chmod(&dir.path("root/usr/bin/sudo"), 0o4755);
    dir.write("root/usr/lib/libexample.so.1", elf::library());
    symlink("libexample.so.1", dir.path("root/usr/lib/libexample.so")).unwrap();
    fs::hard_link(dir.path("root/usr/bin/weak"), dir.path("root/usr/sbin/weak-too")).unwrap();
    dir.write_program("root/usr/bin/script", "#!/bin/bash\necho hello\n");
    dir.write_program("root/usr/sbin/other-script", "#!/usr/bin/env -S python3 -I\nprint()\n");
    symlink("bash", dir.path("root/usr/bin/sh")).unwrap();
}

fn oddities(dir: &Dir) {
    dir.write_program(OsStr::from_bytes(TERMINAL_ATTACK), elf::weak());
    dir.write_program(PAGE_ATTACK, elf::weak());
    dir.write("root/opt/empty", "");
    dir.write("root/opt/one", "#");
    let shared = dir.write("root/opt/shared", "for all\n");
    chmod(&shared, 0o666);
    let sparse = File::create(dir.path("root/opt/sparse")).unwrap();
    sparse.write_all_at(b"in the middle", 9 << 20).unwrap();
    sparse.set_len(16 << 20).unwrap();
    let long = "a-name-of-many-bytes-".repeat(8);
    dir.write_program(format!("root/opt/{long}/{long}"), elf::hardened());
    dir.tool("mkfifo", &["root/run/fifo"]);
    UnixListener::bind(dir.path("root/run/socket")).unwrap();
}
