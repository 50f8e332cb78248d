//! `cargo xtask lab verity`: `hardpan verity open`, `close` and `status` against a kernel, beside veritysetup.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::artefacts::{directory, output, read, recreate, unpacked};
use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::machine::{Machine, QEMU};
use crate::peers;
use crate::shell::{Outcome, cargo, check, find, print};

/// Programs of the host, with their Debian packages and what they are for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    (QEMU, "qemu-system-x86", "the boot lab's machine"),
    ("veritysetup", "cryptsetup-bin", "the reference for mappings"),
    ("dmsetup", "dmsetup", "the kernel's tables as they are"),
    ("mke2fs", "e2fsprogs", "a file system to be mounted"),
    ("openssl", "openssl", "signatures of root hashes"),
];

/// What is loaded before the script starts, and in which order; each with what it depends on.
const MODULES: &[&str] =
    &["virtio_pci", "virtio_blk", "loop", "dm-mod", "dm-verity", "ext4", "sha512_generic", "sha3_generic"];

/// A boot: its name, which the script gets, and what must have been said at its end.
const BOOTS: &[(&str, Ending)] = &[
    ("cases", Ending::PowerOff),
    ("signed", Ending::PowerOff),
    ("panic", Ending::Kernel("dm-verity device corrupted")),
    ("restart", Ending::Kernel("dm-verity device corrupted")),
];

#[derive(Clone, Copy)]
enum Ending {
    /// The script ended.
    PowerOff,
    /// The kernel ended the machine and said this.
    Kernel(&'static str),
}

pub(super) fn run(args: &[String]) -> Outcome {
    if !cfg!(target_arch = "x86_64") {
        return Err(
            "this lab boots x86-64 kernels with x86-64 programs, on hosts of the same kind only".into()
        );
    }
    let package = match args {
        [] => "linux-image-cloud-amd64",
        [package] => package,
        _ => return Err("cargo xtask lab verity [KERNEL-PACKAGE]".into()),
    };
    peers::ensure(PROGRAMS)?;
    let kernel = Kernel::of_package(package)?;
    let place = directory().join("verity").join(&kernel.version);
    recreate(&place)?;
    print(&format!("kernel {}", kernel.version));
    let images = Images::make(&place.join("images"))?;
    let initramfs = place.join("initramfs.cpio");
    fs::write(&initramfs, build_initramfs(&kernel, &images)?)
        .map_err(|error| format!("{}: {error}", initramfs.display()))?;
    let disks = [images.path("data"), images.path("hash")];
    let mut failed = 0;
    for (boot, ending) in BOOTS {
        let log = place.join(format!("{boot}.log"));
        let parameters = format!("lab={boot}");
        let machine = Machine {
            kernel: &kernel.image,
            initramfs: &initramfs,
            parameters: &parameters,
            disks: &disks,
            log: &log,
        };
        failed += judge(boot, *ending, &machine.run()?, &log);
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} cases failed; see {}", place.display())) }
}

/// Prints the cases of a boot and returns how many failed. A boot that did not come to its end is a failure as well.
fn judge(boot: &str, ending: Ending, console: &str, log: &Path) -> usize {
    let count = |prefix: &str| console.lines().filter(|line| line.starts_with(prefix)).count();
    let (passed, failed) = (count("PASS "), count("FAIL "));
    console.lines().filter(|line| line.starts_with("PASS ") || line.starts_with("FAIL ")).for_each(print);
    let wrong = match ending {
        Ending::PowerOff => {
            let said = format!("END {}", passed + failed);
            (passed == 0 || !console.lines().any(|line| line == said)).then(|| format!("not `{said}`"))
        }
        Ending::Kernel(said) => {
            let right =
                console.contains("READING") && console.contains(said) && !console.contains("SURVIVED");
            (!right).then(|| format!("the kernel did not say `{said}`"))
        }
    };
    match &wrong {
        Some(reason) => print(&format!("FAIL {boot} ended otherwise: {reason}; see {}", log.display())),
        None => print(&format!("PASS {boot} ended as it should")),
    }
    failed + usize::from(wrong.is_some())
}

/// An image, its tree and a signature of its root hash, made by others than Hardpan.
struct Images(PathBuf);

impl Images {
    fn make(place: &Path) -> Result<Self, String> {
        let images = Self(place.to_owned());
        recreate(&place.join("tree"))?;
        let text = "the content of a file on a verified device\n".repeat(5000);
        fs::write(images.path("tree/hello"), text).map_err(|error| format!("hello: {error}"))?;
        let data = images.path("data");
        check(
            Command::new("mke2fs")
                .args(["-q", "-t", "ext4", "-O", "^has_journal", "-b", "4096", "-d"])
                .arg(images.path("tree"))
                .arg(&data)
                .arg("8M"),
        )?;
        let format = output(
            Command::new("veritysetup")
                .args(["format", "--salt", SALT, "--uuid", UUID])
                .arg(&data)
                .arg(images.path("hash")),
        )?;
        let root = format.lines().find_map(|line| line.strip_prefix("Root hash:")).map(str::trim);
        let root = root.ok_or("veritysetup printed no root hash")?;
        // Without a newline: that is what is signed.
        fs::write(images.path("root"), root).map_err(|error| format!("root: {error}"))?;
        fs::write(images.path("salt"), SALT).map_err(|error| format!("salt: {error}"))?;
        images.sign()?;
        Ok(images)
    }

    fn sign(&self) -> Outcome {
        check(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=lab", "-keyout"])
                .arg(self.path("key.pem"))
                .arg("-out")
                .arg(self.path("certificate.pem"))
                .stderr(std::process::Stdio::null()),
        )?;
        check(
            Command::new("openssl")
                .args(["smime", "-sign", "-nocerts", "-noattr", "-binary", "-outform", "der", "-in"])
                .arg(self.path("root"))
                .arg("-inkey")
                .arg(self.path("key.pem"))
                .arg("-signer")
                .arg(self.path("certificate.pem"))
                .arg("-out")
                .arg(self.path("signature")),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

fn build_initramfs(kernel: &Kernel, images: &Images) -> Result<Vec<u8>, String> {
    let mut initramfs = Initramfs::default();
    for directory in ["dev", "proc", "sys", "run", "tmp", "mnt", "work", "etc"] {
        initramfs.directory(directory);
    }
    initramfs.file("init", 0o755, SCRIPT.as_bytes());
    initramfs.file("cases.sh", 0o644, CASES.as_bytes());
    let busybox = unpacked("busybox-static")?.join("bin/busybox");
    initramfs.file("bin/busybox", 0o755, &read(&busybox)?);
    initramfs.link("bin/sh", "busybox");
    for program in ["veritysetup", "dmsetup"] {
        initramfs.program(&find(program).ok_or_else(|| format!("{program} is not installed"))?)?;
    }
    initramfs.program(&build_program()?)?;
    for name in ["data", "hash", "root", "salt", "signature", "tree/hello"] {
        initramfs.file(&format!("images/{name}"), 0o644, &read(&images.path(name))?);
    }
    initramfs.modules(&kernel.modules(MODULES)?);
    Ok(initramfs.finish())
}

/// The command, linked statically, as in an initramfs: against musl if its target is installed, else against glibc.
fn build_program() -> Result<PathBuf, String> {
    let musl = output(Command::new("rustc").args(["--print", "target-libdir", "--target", MUSL]));
    let target = match musl {
        Ok(path) if Path::new(path.trim()).is_dir() => MUSL,
        _ => GLIBC,
    };
    let place = directory().join("build");
    let mut build = cargo();
    build.args(["build", "--bin", "hardpan", "--target", target, "--target-dir"]).arg(&place);
    build
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C strip=symbols")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    check(&mut build)?;
    Ok(place.join(target).join("debug/hardpan"))
}

/// The first program: what the machine does.
const SCRIPT: &str = include_str!("verity/init.sh");
/// The cases.
const CASES: &str = include_str!("verity/cases.sh");
const MUSL: &str = "x86_64-unknown-linux-musl";
const GLIBC: &str = "x86_64-unknown-linux-gnu";
const SALT: &str = "e48da609055204e89ae53b655ca2216dd983cf3cb829f34f63a297d106d53e2d";
const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";
