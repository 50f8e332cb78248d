//! UEFI Secure Boot: firmware starts shim, shim our unified kernel image, because its key is one of the machine owner's, and
//! the kernel takes root hashes that the same key signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::artefacts::{directory, output, read, unpacked};
use super::super::machine::{Disk, Firmware, Machine, Monitor, Then, Watch};
use super::case::says;
use super::setup::Setup;
use super::{Lab, disk};
use crate::peers;
use crate::shell::{Outcome, check, print};

/// The name of these cases.
pub(super) const NAME: &str = "secure-boot";

/// Programs of the host, with their Debian packages and what they are for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("sbsign", "sbsigntool", "signed kernel images"),
    ("objcopy", "binutils", "unified kernel images"),
    ("mcopy", "mtools", "EFI system partitions"),
    ("python3", "python3", "variables of the firmware"),
    ("pip3", "python3-pip", "variables of the firmware"),
    ("openssl", "openssl", "signatures of root hashes"),
];

/// A boot: its name, what is changed, and what the console must and must not say.
type Boot =
    (&'static str, fn(&mut Setup<'_>) -> Outcome, Damage, &'static [&'static str], &'static [&'static str]);

/// What becomes of the image before it is put onto the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Damage {
    None,
    /// One bit of its initramfs is flipped after it was signed.
    Flipped,
    /// It is not signed.
    Unsigned,
}

const BOOTS: &[Boot] = &[
    (
        "signed",
        |setup| signed(setup, false),
        Damage::None,
        &["LAB init slot=a", "LAB lockdown none [integrity]", "LAB an_unsigned_module is refused", "LAB END"],
        &["refused: "],
    ),
    (
        "signature-of-another-text",
        |setup| signed(setup, true),
        Damage::None,
        &["slot a refused: signature-mismatch", "LAB init slot=b", "LAB END"],
        &[],
    ),
    (
        "unsigned-root-hash",
        |setup| {
            signed(setup, false)?;
            setup.edit("slot", " signature /signatures/a.p7s", "");
            setup.drop("slot b");
            // It is the kernel that is asked here; the configuration's own check would come first.
            setup.drop("require-signature");
            Ok(())
        },
        Damage::None,
        &["hardpan-boot: E-signature-missing"],
        &["LAB "],
    ),
    (
        "flipped-image",
        |setup| signed(setup, false),
        Damage::Flipped,
        &[],
        &["LAB ", "hardpan-boot:", "Linux version"],
    ),
    (
        "unsigned-image",
        |setup| signed(setup, false),
        Damage::Unsigned,
        &[],
        &["LAB ", "hardpan-boot:", "Linux version"],
    ),
];

/// Runs them and returns how many failed.
pub(super) fn run(lab: &Lab) -> Result<usize, String> {
    peers::ensure(PROGRAMS)?;
    let place = lab.place.join(NAME);
    disk::fresh(&place)?;
    let variables = variables(lab, &place)?;
    let mut failed = 0;
    for boot in BOOTS {
        failed += usize::from(!run_boot(lab, &place.join(boot.0), &variables, boot)?);
    }
    Ok(failed)
}

fn run_boot(lab: &Lab, place: &Path, variables: &Path, boot: &Boot) -> Result<bool, String> {
    let (name, change, damage, must, never) = boot;
    disk::fresh(place)?;
    let mut setup = Setup::good(lab, place.to_owned());
    change(&mut setup)?;
    setup.write_disk()?;
    let initramfs = place.join("initramfs.cpio");
    lab.initramfs(&initramfs, &setup.config, &setup.files)?;
    let image = unified_image(lab, &setup, &initramfs, *damage)?;
    setup.disks.push(Disk::read_only(system_partition(place, &image)?));
    let own = place.join("variables.fd");
    fs::copy(variables, &own).map_err(|error| format!("{}: {error}", own.display()))?;
    let code = unpacked("ovmf")?.join("usr/share/OVMF/OVMF_CODE_4M.ms.fd");
    let firmware = Firmware { code, variables: own, secure: true };
    let log = place.join("console.log");
    let machine = Machine {
        kernel: None,
        initramfs: None,
        parameters: "",
        disks: &setup.disks,
        firmware: Some(&firmware),
        log: &log,
    };
    let console = machine.run_watched(&mut Refused)?;
    if must.is_empty() && !REFUSALS.iter().any(|text| console.contains(text)) {
        print(&format!("FAIL {NAME} {name}: nobody refused the image; see {}", log.display()));
        return Ok(false);
    }
    Ok(says(&format!("{NAME} {name}"), &console, must, never, &log))
}

/// Ends the machine when the firmware or shim has refused what it was to start: they would wait for a person.
struct Refused;

impl Watch for Refused {
    fn see(&mut self, console: &str, _: &Monitor<'_>) -> Result<Then, String> {
        Ok(if REFUSALS.iter().any(|text| console.contains(text)) { Then::Dies } else { Then::Goes })
    }
}

const REFUSALS: &[&str] = &["Security Violation", "Verification failed", "Access Denied"];

/// Root hashes that are signed by the key in the firmware, for both slots; the first one's may be of another text.
fn signed(setup: &mut Setup<'_>, other: bool) -> Outcome {
    let lab = setup.lab;
    let first = if other { &lab.a.other_signature } else { &lab.a.signature };
    for (slot, signature) in [("a", first), ("b", &lab.b.signature)] {
        let file = format!("signatures/{slot}.p7s");
        setup.files.push((file.clone(), read(signature)?));
        let prefix = format!("slot {slot}");
        let line = setup.config.iter().find(|line| line.starts_with(&prefix)).cloned().unwrap_or_default();
        setup.replace(&prefix, &format!("{line} signature /{file}"));
    }
    setup.edit("module /modules/dm_verity.ko", "required", "required \"require_signatures=1\"");
    setup.add("require-signature");
    Ok(())
}

/// Microsoft's keys in the firmware, as machines are sold, and the lab's as the owner's, which shim and the kernel read.
fn variables(lab: &Lab, place: &Path) -> Result<PathBuf, String> {
    let variables = place.join("variables.fd");
    let template = unpacked("ovmf")?.join("usr/share/OVMF/OVMF_VARS_4M.ms.fd");
    let mut enrol = Command::new(virt_firmware()?);
    enrol.arg("--input").arg(template).arg("--output").arg(&variables).args(["--add-mok", OWNER]);
    check(enrol.arg(&lab.certificate).stdout(Stdio::null()))?;
    Ok(variables)
}

/// The program that writes variables, in an environment of its own.
fn virt_firmware() -> Result<PathBuf, String> {
    let place = directory().join("virt-firmware");
    let program = place.join("bin/virt-fw-vars");
    if !program.is_file() {
        check(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        check(Command::new(place.join("bin/pip")).args(["install", "--quiet", VIRT_FIRMWARE]))?;
    }
    Ok(program)
}

/// Kernel, initramfs and command line as one program, signed.
fn unified_image(lab: &Lab, setup: &Setup<'_>, initramfs: &Path, damage: Damage) -> Result<PathBuf, String> {
    let place = &setup.place;
    let (cmdline, release) = (place.join("cmdline"), place.join("os-release"));
    let parameters = format!("console=ttyS0 panic=-1 {}", setup.parameters);
    write(&cmdline, parameters.as_bytes())?;
    write(&release, b"ID=lab\nPRETTY_NAME=\"boot lab\"\n")?;
    let stub = unpacked("systemd-boot-efi")?.join("usr/lib/systemd/boot/efi/linuxx64.efi.stub");
    let image = place.join("image.efi");
    let mut join = Command::new("objcopy");
    let mut at = end_of(&stub)?;
    for (section, file) in [
        (".osrel", &release),
        (".cmdline", &cmdline),
        (".linux", &lab.kernel.image),
        (".initrd", &initramfs.to_owned()),
    ] {
        join.arg("--add-section").arg(format!("{section}={}", file.display()));
        join.arg("--change-section-vma").arg(format!("{section}={at:#x}"));
        at += fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
        at = at.next_multiple_of(0x1000);
    }
    check(join.arg(&stub).arg(&image))?;
    if damage == Damage::Unsigned {
        return Ok(image);
    }
    let signed = place.join("signed.efi");
    let mut sign = Command::new("sbsign");
    sign.arg("--key").arg(&lab.key).arg("--cert").arg(&lab.certificate).arg("--output").arg(&signed);
    check(sign.arg(&image).stderr(Stdio::null()))?;
    if damage == Damage::Flipped {
        // In the last quarter lies the initramfs, whose end is not the image's.
        let length = fs::metadata(&signed).map_err(|error| format!("{}: {error}", signed.display()))?.len();
        disk::flip(&signed, length - length / 8)?;
    }
    Ok(signed)
}

/// The first free address behind the sections of a stub.
fn end_of(stub: &Path) -> Result<u64, String> {
    let listed = output(Command::new("objdump").args(["--section-headers"]).arg(stub))?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    // Number, name, size, address, and more.
    let ends = listed.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.first()?.parse::<u32>().ok()?;
        Some(number(words.get(2)?)? + number(words.get(3)?)?)
    });
    let end = ends.max().ok_or_else(|| format!("{} has no sections", stub.display()))?;
    Ok(end.next_multiple_of(0x1000))
}

/// A disk with one FAT file system: shim, and the image where shim looks for its second stage.
fn system_partition(place: &Path, image: &Path) -> Result<PathBuf, String> {
    let disk = place.join("system");
    let file = fs::File::create(&disk).and_then(|file| file.set_len(128 << 20));
    file.map_err(|error| format!("{}: {error}", disk.display()))?;
    let shim = unpacked("shim-signed")?.join("usr/lib/shim/shimx64.efi.signed");
    let on_disk = |program: &str| {
        let mut command = Command::new(program);
        command.arg("-i").arg(&disk);
        command
    };
    check(on_disk("mformat").args(["-F", "::"]))?;
    check(on_disk("mmd").args(["::/EFI", "::/EFI/BOOT"]))?;
    check(on_disk("mcopy").arg(shim).arg("::/EFI/BOOT/BOOTX64.EFI"))?;
    check(on_disk("mcopy").arg(image).arg("::/EFI/BOOT/grubx64.efi"))?;
    Ok(disk)
}

fn write(path: &Path, content: &[u8]) -> Outcome {
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}

/// Who owns the key, as the firmware's variables have it: nobody in particular.
const OWNER: &str = "5f0c6a4e-0000-4000-8000-00000000000f";
const VIRT_FIRMWARE: &str = "virt-firmware";
