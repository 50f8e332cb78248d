//! The reference tools that differential tests hold Hardpan against.

use std::process::Command;

use crate::shell::{self, Outcome, check, find, say};

/// A program, the Debian package that has it, and what it is for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("cc", "gcc", "binaries with known flags"),
    ("clang", "clang", "binaries with known flags"),
    ("ld.lld", "lld", "binaries with known flags"),
    ("musl-gcc", "musl-tools", "binaries against another C library"),
    ("readelf", "binutils", "the same facts of every ELF file of /usr"),
    ("veritysetup", "cryptsetup-bin", "hash trees byte for byte"),
    ("openssl", "openssl", "signatures of root hashes, keys and certificates, salts from a seed"),
    ("fsverity", "fsverity", "fs-verity digests, trees and signatures byte for byte"),
    ("losetup", "mount", "hash trees on block devices"),
    ("sfdisk", "fdisk", "partition tables and their attributes"),
    ("unshare", "util-linux", "full and read-only file systems"),
    ("tar", "tar", "archives of the same tree"),
    ("ar", "binutils", "static libraries"),
    ("dpkg-deb", "dpkg", "Debian packages"),
    ("rpmbuild", "rpm", "RPM packages"),
    ("rpm2cpio", "rpm2cpio", "RPM packages"),
    ("cpio", "cpio", "archives of an initramfs"),
    ("umoci", "umoci", "container images and their whiteouts"),
    ("skopeo", "skopeo", "container images in archives of docker"),
    ("sha256sum", "coreutils", "digests in manifests"),
    ("gzip", "gzip", "compressed archives"),
    ("xz", "xz-utils", "compressed archives and kernel modules"),
    ("zstd", "zstd", "compressed archives"),
    ("setcap", "libcap2-bin", "file capabilities"),
    ("setfattr", "attr", "extended attributes"),
    ("g++", "g++", "binaries with known flags"),
    ("ld.gold", "binutils", "binaries with known flags"),
    ("go", "golang-go", "binaries with known flags"),
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", "binaries for other machines"),
    ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf", "binaries for other machines"),
    ("i686-linux-gnu-gcc", "gcc-i686-linux-gnu", "binaries for other machines"),
    ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu", "binaries for other machines"),
    ("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu", "binaries for other machines"),
    ("scanelf", "pax-utils", "verdicts on binaries with known flags"),
    ("hardening-check", "devscripts", "verdicts on binaries with known flags"),
    ("getcap", "libcap2-bin", "file capabilities as their own tools read them"),
    ("script", "bsdutils", "output on a terminal"),
    ("setpriv", "util-linux", "files that an unprivileged user cannot read"),
    ("bash", "bash", "programs told by their content"),
    ("dash", "dash", "programs told by their content"),
    ("busybox", "busybox", "programs told by their content"),
    ("zsh", "zsh", "programs told by their content"),
    ("mksh", "mksh", "programs told by their content"),
    ("perl", "perl-base", "programs told by their content"),
    ("mawk", "mawk", "programs told by their content"),
    ("gawk", "gawk", "programs told by their content"),
    ("ssh", "openssh-client", "programs told by their content"),
    ("dbclient", "dropbear-bin", "programs told by their content"),
    ("systemctl", "systemd", "units that presets enable"),
    ("systemd-analyze", "systemd", "which files of sysctl.d count"),
    ("systemd-id128", "systemd", "partition types"),
    ("systemd-repart", "systemd", "partitions with hash trees and signatures"),
    ("mkfs.ext4", "e2fsprogs", "partitions with hash trees and signatures"),
    ("chromium", "chromium", "the HTML page in a browser"),
    ("pdftotext", "poppler-utils", "the HTML page on paper"),
    ("script", "bsdutils", "reports on a terminal"),
    ("kill", "procps", "runs that are stopped"),
    ("pmap", "procps", "memory of running processes"),
    ("npm", "npm", "the SARIF schema"),
    ("secilc", "secilc", "SELinux policies byte for byte, and what is refused"),
    ("checkpolicy", "checkpolicy", "what compiled SELinux policies mean and answer"),
    ("seinfo", "setools", "counts of compiled SELinux policies"),
    ("bunzip2", "bzip2", "modules of Debian's SELinux policy"),
];

/// Packages without a program of their own.
const PACKAGES: &[(&str, &str, &str)] = &[
    (
        "python3-jsonschema",
        "/usr/lib/python3/dist-packages/jsonschema",
        "JSON and SARIF against their schemas",
    ),
    ("fonts-dejavu-core", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "the HTML page on paper"),
    (
        "systemd",
        "/usr/lib/systemd/system-generators/systemd-veritysetup-generator",
        "what systemd reads of kernel parameters and veritytab",
    ),
    ("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/lib/crt1.o", "binaries for other machines"),
    ("libc6-dev-armhf-cross", "/usr/arm-linux-gnueabihf/lib/crt1.o", "binaries for other machines"),
    ("libc6-dev-i386-cross", "/usr/i686-linux-gnu/lib/crt1.o", "binaries for other machines"),
    ("libc6-dev-riscv64-cross", "/usr/riscv64-linux-gnu/lib/crt1.o", "binaries for other machines"),
    ("libc6-dev-s390x-cross", "/usr/s390x-linux-gnu/lib/crt1.o", "binaries for other machines"),
    (
        "libclang-rt-14-dev",
        "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.safestack-x86_64.a",
        "binaries with known flags",
    ),
    ("python3-yaml", "/usr/lib/python3/dist-packages/yaml", "what is offered to CI services"),
    ("python3-rfc3987", "/usr/lib/python3/dist-packages/rfc3987.py", "URIs in SARIF"),
];

/// From npm: the schema of SARIF 2.1.0 that validators use.
const SARIF: &str = "@microsoft/jest-sarif@1.0.0-beta.0";

/// `cargo xtask peers`.
pub(crate) fn run(_: &[String]) -> Outcome {
    install()
}

/// Installs what is missing where that can be done, and fails with the names of what is still missing.
pub(crate) fn install() -> Outcome {
    let wanted = missing();
    if !wanted.is_empty() {
        if !is_debian() {
            return Err(explain(&wanted));
        }
        apt(&wanted)?;
        let still = missing();
        if !still.is_empty() {
            return Err(explain(&still));
        }
    }
    sarif_schema()?;
    if is_debian() { bootconfig() } else { Ok(()) }
}

/// The kernel's own reader of boot configurations, which Debian has as source only: a program of two files.
fn bootconfig() -> Outcome {
    let program = shell::root().join("target/peers/bootconfig");
    if program.is_file() {
        return Ok(());
    }
    let place = shell::root().join("target/peers/linux");
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let script = "apt-get download --quiet linux-source-6.1 && \
        dpkg-deb --fsys-tarfile linux-source-6.1_*.deb | tar -x ./usr/src/linux-source-6.1.tar.xz && \
        tar -xJf usr/src/linux-source-6.1.tar.xz linux-source-6.1/tools/bootconfig \
            linux-source-6.1/lib/bootconfig.c linux-source-6.1/include/linux/bootconfig.h && \
        cd linux-source-6.1/tools/bootconfig && \
        cc -w -O1 -Iinclude -o ../../../../bootconfig main.c ../../lib/bootconfig.c";
    check(Command::new("sh").args(["-e", "-c", script]).current_dir(&place))?;
    std::fs::remove_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))
}

/// Installs the packages of those programs that are missing, and fails with the names of what is still missing.
pub(crate) fn ensure(programs: &[(&'static str, &'static str, &'static str)]) -> Outcome {
    let absent = || -> Vec<(&'static str, &'static str)> {
        let missing = programs.iter().filter(|(program, ..)| find(program).is_none());
        missing.map(|(_, package, purpose)| (*package, *purpose)).collect()
    };
    let wanted = absent();
    if !wanted.is_empty() && is_debian() {
        apt(&wanted)?;
    }
    let still = absent();
    if still.is_empty() { Ok(()) } else { Err(explain(&still)) }
}

/// Packages whose program or file is not there, with what they are for.
fn missing() -> Vec<(&'static str, &'static str)> {
    let programs = PROGRAMS.iter().filter(|(program, ..)| find(program).is_none());
    let files = PACKAGES.iter().filter(|(_, path, _)| !std::path::Path::new(path).exists());
    let mut missing: Vec<_> = programs.map(|(_, package, purpose)| (*package, *purpose)).collect();
    missing.extend(files.map(|(package, _, purpose)| (*package, *purpose)));
    missing.dedup();
    missing
}

fn is_debian() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let ids = release.lines().filter(|line| line.starts_with("ID=") || line.starts_with("ID_LIKE="));
    ids.into_iter().any(|line| line.contains("debian") || line.contains("ubuntu"))
        && find("apt-get").is_some()
}

fn apt(wanted: &[(&str, &str)]) -> Outcome {
    let packages: Vec<&str> = wanted.iter().map(|(package, _)| *package).collect();
    say(&format!("installing the reference tools: {}", packages.join(" ")));
    check(apt_get().args(["update", "--quiet"]))?;
    check(apt_get().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}

/// As root directly, otherwise through sudo, which asks for a password if it must.
fn apt_get() -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| {
        use std::os::unix::fs::MetadataExt as _;
        process.uid() == 0
    });
    let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root {
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn sarif_schema() -> Outcome {
    let directory = shell::root().join("target/peers");
    if directory.join("node_modules/@microsoft/jest-sarif").is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
        .arg(&directory)
        .arg(SARIF);
    check(&mut npm)
}

fn explain(missing: &[(&str, &str)]) -> String {
    let list: Vec<String> =
        missing.iter().map(|(package, purpose)| format!("\n  {package:<20} {purpose}")).collect();
    format!(
        "these reference tools are missing (Debian's package names); install them, or say --without-peers:{}",
        list.concat()
    )
}
