//! A kernel of the lab's own: what distributions' kernels cannot show. Everything is built in, lockdown can be left out of the
//! security modules, and the kernel itself makes verity devices from its command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::artefacts::{depends, directory, read, recreate, unpacked};
use super::super::machine::Machine;
use super::case::{Ends, says};
use super::disk::{self, A_DATA, A_HASH};
use super::root::{BLOCK, SIZE};
use super::setup::Setup;
use super::{Lab, base, build_boot};
use crate::peers;
use crate::shell::{Outcome, check, say};

/// The name of these cases.
pub(super) const NAME: &str = "own-kernel";

/// Programs of the host, with their Debian packages and what they are for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("gcc", "gcc", "a kernel"),
    ("make", "make", "a kernel"),
    ("flex", "flex", "a kernel"),
    ("bison", "bison", "a kernel"),
    ("bc", "bc", "a kernel"),
    ("xz", "xz-utils", "a kernel's source"),
];

/// A boot: its name, what is changed, and what the console must and must not say.
type Boot = (&'static str, fn(&mut Setup<'_>) -> Outcome, &'static [&'static str], &'static [&'static str]);

const BOOTS: &[Boot] = &[
    (
        "all-built-in",
        |_| Ok(()),
        &["LAB init slot=a", "LAB lockdown none [integrity]", "\"result\": \"booted\"", "LAB END"],
        &["refused: "],
    ),
    // The file is there, and can be written; what it says would hold nobody.
    (
        "lockdown-without-hooks",
        |setup| {
            setup.parameters = setup.parameters.replace("security=selinux", "lsm=selinux");
            Ok(())
        },
        &["hardpan-boot: E-no-lockdown"],
        &["LAB "],
    ),
    (
        "lockdown-is-not-asked-for",
        |setup| {
            setup.parameters = setup.parameters.replace("security=selinux", "lsm=selinux");
            setup.drop("lockdown");
            Ok(())
        },
        &["LAB init slot=a", "LAB END"],
        &["refused: "],
    ),
];

/// Runs them and returns how many failed.
pub(super) fn run(lab: &Lab) -> Result<usize, String> {
    let kernel = image()?;
    let place = lab.place.join(NAME);
    disk::fresh(&place)?;
    let base = base(&[], &build_boot()?)?;
    let mut failed = 0;
    for (name, change, must, never) in BOOTS {
        let place = place.join(name);
        disk::fresh(&place)?;
        let mut setup = Setup::good(lab, place.clone());
        setup.drop("module");
        // The fingerprint is another on a kernel whose policy has other capabilities; this one's release is the same.
        change(&mut setup)?;
        setup.write_disk()?;
        let initramfs = place.join("initramfs.cpio");
        super::write_initramfs(&initramfs, &base, &setup.config, &setup.files)?;
        failed += usize::from(!judge(name, &kernel, Some(&initramfs), &setup, must, never)?);
    }
    failed += usize::from(!without_initramfs(lab, &kernel, &place.join("without-initramfs"))?);
    Ok(failed)
}

/// The kernel makes the verity device by `dm-mod.create=`, as `hardpan verity emit` writes it, and mounts it itself.
fn without_initramfs(lab: &Lab, kernel: &Path, place: &Path) -> Result<bool, String> {
    disk::fresh(place)?;
    let mut setup = Setup::good(lab, place.to_owned());
    setup.write_disk()?;
    let table = lab
        .a
        .table()
        .replace("DATA", &format!("PARTUUID={A_DATA}"))
        .replace("HASH", &format!("PARTUUID={A_HASH}"));
    let sectors = SIZE / BLOCK * (BLOCK / 512);
    setup.parameters = format!(
        "selinux=0 loglevel=6 lockdown=integrity dm-mod.create=\"root,,0,ro,0 {sectors} verity {table}\" root=/dev/dm-0 ro rootfstype=erofs \
         init=/usr/sbin/init -- /usr/libexec/lab"
    );
    let must = ["LAB init slot=a", "LAB writing_the_root is refused", "LAB END"];
    judge("without-initramfs", kernel, None, &setup, &must, &[])
}

fn judge(
    name: &str,
    kernel: &Path,
    initramfs: Option<&Path>,
    setup: &Setup<'_>,
    must: &[&str],
    never: &[&str],
) -> Result<bool, String> {
    let log = setup.place.join("console.log");
    let machine = Machine {
        kernel: Some(kernel),
        initramfs,
        parameters: &setup.parameters,
        disks: &setup.disks,
        firmware: None,
        log: &log,
    };
    let console = machine.run_watched(&mut Ends)?;
    Ok(says(&format!("{NAME} {name}"), &console, must, never, &log))
}

/// The kernel, built from Debian's source the first time: some minutes.
fn image() -> Result<PathBuf, String> {
    peers::ensure(PROGRAMS)?;
    let package = depends("linux-source", "linux-source-")?;
    let package = package.first().ok_or("linux-source depends on no source; run apt-get update")?;
    let place = directory().join("own-kernel").join(package);
    let (image, stamp) = (place.join("bzImage"), place.join("config"));
    if image.is_file() && read(&stamp).is_ok_and(|config| config == CONFIG.as_bytes()) {
        return Ok(image);
    }
    recreate(&place)?;
    let archive = unpacked(package)?.join("usr/src").join(format!("{package}.tar.xz"));
    check(Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(&place))?;
    let source = place.join(package);
    configure(&source)?;
    say("building a kernel, which takes some minutes");
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    check(make(&source).arg(format!("-j{jobs}")).arg("bzImage").stdout(Stdio::null()))?;
    let built = source.join("arch/x86/boot/bzImage");
    fs::copy(&built, &image).map_err(|error| format!("{}: {error}", built.display()))?;
    fs::remove_dir_all(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    fs::write(&stamp, CONFIG).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(image)
}

fn configure(source: &Path) -> Outcome {
    check(make(source).arg("tinyconfig").stdout(Stdio::null()))?;
    let path = source.join(".config");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let tiny = fs::read_to_string(&path).map_err(failed)?;
    fs::write(&path, tiny + CONFIG).map_err(failed)?;
    check(make(source).arg("olddefconfig").stdout(Stdio::null()).stderr(Stdio::null()))?;
    let configured = fs::read_to_string(&path).map_err(failed)?;
    match CONFIG.lines().find(|line| !configured.lines().any(|have| have == *line)) {
        Some(line) => Err(format!("the kernel cannot be configured with {line}")),
        None => Ok(()),
    }
}

fn make(source: &Path) -> Command {
    let mut command = Command::new("make");
    command.arg("--silent").arg("--directory").arg(source);
    command
}

const CONFIG: &str = include_str!("own-kernel.config");
