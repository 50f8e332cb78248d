//! `cargo xtask lab boot`: hardpan-boot as the first program of a kernel, on disks that are good, damaged, slow, missing or
//! double.
//!
//! Every row of the table of failures is a case: what is changed about a good machine, and what must come of it. What is
//! matched are lines of the console, with generous limits; no case measures time.

mod case;
mod cases;
mod disk;
mod generated;
mod kills;
pub(crate) mod measure;
mod own_kernel;
mod root;
mod secure;
mod setup;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::artefacts::{directory, output, read, recreate};
use super::cpio::Archive;
use super::initramfs::Initramfs;
use super::kernel::{Kernel, Module};
use super::machine::QEMU;
use super::program::build_program;
use crate::peers;
use crate::shell::{Outcome, cargo, check, print};
use root::{Ingredients, Root};

/// Programs of the host, with their Debian packages and what they are for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    (QEMU, "qemu-system-x86", "the boot lab's machine"),
    ("mkfs.erofs", "erofs-utils", "root file systems"),
    ("mke2fs", "e2fsprogs", "root file systems"),
    ("sfdisk", "fdisk", "partition tables of others"),
    ("openssl", "openssl", "signatures of root hashes"),
];

/// Cases that are more than a change of the good machine: their name, and what runs them and returns how many failed.
type Group = (&'static str, fn(&Lab) -> Result<usize, String>);

const GROUPS: [Group; 4] = [
    (generated::NAME, generated::run),
    (kills::NAME, kills::run),
    (secure::NAME, secure::run),
    (own_kernel::NAME, own_kernel::run),
];

/// What the roots' devices need, each after what it depends on.
const MODULES: &[&str] = &["virtio_pci", "virtio_blk", "dm-mod", "dm-verity", "erofs"];

/// `cargo xtask lab boot [--fast] [--kernel PACKAGE] [CASE…]`.
pub(super) fn run(args: &[String]) -> Outcome {
    let options = Options::parse(args)?;
    let package = super::package("boot", options.kernel.as_slice())?;
    peers::ensure(PROGRAMS)?;
    let lab = Lab::make(Kernel::of_package(package)?)?;
    print(&format!("kernel {}", lab.kernel.version));
    let mut failed = 0;
    let chosen = cases::ALL.iter().filter(|case| options.wants(case.name, case.fast));
    for case in chosen {
        let passed = lab.judge(case).unwrap_or_else(|error| {
            print(&format!("FAIL {}: {error}", case.name));
            false
        });
        failed += usize::from(!passed);
    }
    for (name, run) in GROUPS.iter().filter(|(name, _)| options.wants(name, false)) {
        failed += run(&lab).unwrap_or_else(|error| {
            print(&format!("FAIL {name}: {error}"));
            1
        });
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} cases failed; see {}", lab.place.display())) }
}

/// What to run.
struct Options {
    fast: bool,
    kernel: Vec<String>,
    names: Vec<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self { fast: false, kernel: Vec::new(), names: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--fast" => options.fast = true,
                "--kernel" => {
                    let package = args.next().ok_or("--kernel wants the name of a package")?;
                    options.kernel = vec![package.clone()];
                }
                name if name.starts_with('-') => {
                    return Err("cargo xtask lab boot [--fast] [--kernel PACKAGE] [CASE...]".into());
                }
                name => options.names.push(name.to_owned()),
            }
        }
        let groups = GROUPS.map(|(name, _)| name);
        let known = |name: &str| groups.contains(&name) || cases::ALL.iter().any(|case| case.name == name);
        match options.names.iter().find(|name| !known(name)) {
            Some(name) => {
                let names: Vec<&str> = cases::ALL.iter().map(|case| case.name).collect();
                Err(format!("there is no case {name}; there are {}, {}", names.join(", "), groups.join(", ")))
            }
            None => Ok(options),
        }
    }

    fn wants(&self, name: &str, fast: bool) -> bool {
        if self.names.is_empty() {
            fast || !self.fast
        } else {
            self.names.iter().any(|wanted| wanted == name)
        }
    }
}

/// What cases have in common.
struct Lab {
    kernel: Kernel,
    /// Where disks and consoles are.
    place: PathBuf,
    /// The initramfs without a configuration.
    base: Vec<u8>,
    modules: Vec<Module>,
    a: Root,
    b: Root,
    fingerprint: String,
    /// The program, statically linked, and the policy that the roots have.
    program: PathBuf,
    policy: PathBuf,
    /// A key that signs root hashes, and its certificate.
    key: PathBuf,
    certificate: PathBuf,
}

impl Lab {
    fn make(kernel: Kernel) -> Result<Self, String> {
        let place = directory().join("boot").join(&kernel.version);
        recreate(&place)?;
        let ingredients = Ingredients::make(&build_program()?, &place.join("ingredients"))?;
        let a = ingredients.root("a", &place.join("a"))?;
        let b = ingredients.root("b", &place.join("b"))?;
        let modules = kernel.modules(MODULES)?;
        let fingerprint = ingredients.fingerprint(&kernel.version)?;
        let base = base(&modules, &build_boot()?)?;
        let Ingredients { key, certificate, program, policy, .. } = ingredients;
        Ok(Self { kernel, place, base, modules, a, b, fingerprint, program, policy, key, certificate })
    }

    /// The initramfs of a case.
    fn initramfs(&self, path: &Path, config: &[String], files: &[(String, Vec<u8>)]) -> Outcome {
        write_initramfs(path, &self.base, config, files)
    }
}

/// Writes an initramfs with a configuration: the kernel takes several archives one after the other.
fn write_initramfs(path: &Path, base: &[u8], config: &[String], files: &[(String, Vec<u8>)]) -> Outcome {
    let mut archive = Archive::default();
    for (name, content) in files {
        archive.file(name, 0o644, content);
    }
    archive.file("etc/hardpan/boot.conf", 0o644, format!("{}\n", config.join("\n")).as_bytes());
    let whole = [base, &archive.finish()].concat();
    fs::write(path, whole).map_err(|error| format!("{}: {error}", path.display()))
}

/// The boot program with the modules, and directories for what cases add.
fn base(modules: &[Module], boot: &Path) -> Result<Vec<u8>, String> {
    let mut initramfs = Initramfs::default();
    for directory in ["dev", "proc", "sys", "run", "etc/hardpan", "signatures", "modules"] {
        initramfs.directory(directory);
    }
    initramfs.file("init", 0o755, &read(boot)?);
    initramfs.modules(modules);
    Ok(initramfs.finish())
}

/// hardpan-boot as it is shipped.
fn build_boot() -> Result<PathBuf, String> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let place = directory().join("build");
    let mut build = cargo();
    build.args(["build", "--profile", "boot", "-p", "hardpan-boot", "--target", TARGET, "--target-dir"]);
    build.arg(&place).env("RUSTFLAGS", "-C target-feature=+crt-static");
    check(&mut build)?;
    let program = place.join(TARGET).join("boot/hardpan-boot");
    let described = output(Command::new("readelf").arg("--program-headers").arg(&program))?;
    if described.contains("INTERP") {
        return Err(format!("{} is not linked statically", program.display()));
    }
    Ok(program)
}
