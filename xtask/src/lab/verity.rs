//! `cargo xtask lab verity`: `hardpan verity open`, `close` and `status` against a kernel, beside veritysetup.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::artefacts::{directory, output, read, recreate, unpacked};
use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::machine::{Disk, Firmware, Machine, QEMU};
use super::program::build_program;
use super::verdict::{Ending, judge};
use crate::peers;
use crate::shell::{Outcome, check, find, print};

/// Programs of the host, with their Debian packages and what they are for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    (QEMU, "qemu-system-x86", "the boot lab's machine"),
    ("veritysetup", "cryptsetup-bin", "the reference for mappings"),
    ("dmsetup", "dmsetup", "the kernel's tables as they are"),
    ("mke2fs", "e2fsprogs", "a file system to be mounted"),
    ("openssl", "openssl", "signatures of root hashes"),
];

/// What is loaded before the script starts, and in which order; each with what it depends on.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "loop",
    "dm-mod",
    "dm-verity",
    "ext4",
    "sha512_generic",
    "sha3_generic",
    "efivarfs",
];

/// A boot: its name, which the script gets, its firmware, and how it must end.
type Boot = (&'static str, Board, Ending);

const BOOTS: &[Boot] = &[
    ("cases", Board::Bios, Ending::PowerOff),
    ("signed", Board::Bios, Ending::PowerOff),
    ("panic", Board::Bios, Ending::Kernel("dm-verity device corrupted")),
    ("restart", Board::Bios, Ending::Kernel("dm-verity device corrupted")),
];

/// The lab's certificate is put among those of the platform, and then the kernel boots with it.
const TRUSTED: &[Boot] =
    &[("enrol", Board::Uefi, Ending::PowerOff), ("trusted", Board::Uefi, Ending::PowerOff)];

/// Without it, only keys in the kernel, or vouched for by shim under Secure Boot, can sign root hashes.
const PLATFORM_KEYS: &str = "CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG_PLATFORM_KEYRING=y";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Board {
    /// Quick, and without variables.
    Bios,
    /// With variables that last from one boot to the next.
    Uefi,
}

pub(super) fn run(args: &[String]) -> Outcome {
    let package = super::package("verity", args)?;
    peers::ensure(PROGRAMS)?;
    let kernel = Kernel::of_package(package)?;
    let place = directory().join("verity").join(&kernel.version);
    recreate(&place)?;
    print(&format!("kernel {}", kernel.version));
    let images = Images::make(&place.join("images"))?;
    let initramfs = place.join("initramfs.cpio");
    fs::write(&initramfs, build_initramfs(&kernel, &images)?)
        .map_err(|error| format!("{}: {error}", initramfs.display()))?;
    let lab = Lab { kernel, images, initramfs, firmware: firmware(&place)?, place };
    let mut failed = lab.boot_all(BOOTS)?;
    if lab.kernel.has(PLATFORM_KEYS) {
        failed += lab.boot_all(TRUSTED)?;
    } else {
        print("SKIP signatures by a key of the platform: the kernel does not take them");
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} cases failed; see {}", lab.place.display())) }
}

/// What boots have in common.
struct Lab {
    kernel: Kernel,
    images: Images,
    initramfs: PathBuf,
    firmware: Firmware,
    place: PathBuf,
}

impl Lab {
    /// Boots in turn and returns how many cases failed.
    fn boot_all(&self, boots: &[Boot]) -> Result<usize, String> {
        boots.iter().map(|boot| self.boot(*boot)).sum()
    }

    fn boot(&self, (name, board, ending): Boot) -> Result<usize, String> {
        let log = self.place.join(format!("{name}.log"));
        let machine = Machine {
            kernel: Some(&self.kernel.image),
            initramfs: Some(&self.initramfs),
            parameters: &format!("quiet loglevel=1 lab={name}"),
            disks: &["data", "hash"].map(|image| Disk::read_only(self.images.path(image))),
            firmware: (board == Board::Uefi).then_some(&self.firmware),
            log: &log,
        };
        Ok(judge(name, ending, &machine.run()?, &log))
    }
}

/// UEFI firmware without Secure Boot, with fresh variables.
fn firmware(place: &Path) -> Result<Firmware, String> {
    let package = unpacked("ovmf")?.join("usr/share/OVMF");
    let variables = place.join("variables.fd");
    fs::copy(package.join("OVMF_VARS_4M.fd"), &variables)
        .map_err(|error| format!("OVMF_VARS_4M.fd: {error}"))?;
    Ok(Firmware { code: package.join("OVMF_CODE_4M.fd"), variables, secure: false })
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

    /// Makes a key, signs the root hash and another text with it, and makes the list of certificates that is enrolled.
    fn sign(&self) -> Outcome {
        fs::write(self.path("other"), "ab".repeat(32)).map_err(|error| format!("other: {error}"))?;
        let (key, certificate) = (self.path("key.pem"), self.path("certificate.pem"));
        let mut make = Command::new("openssl");
        make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=lab", "-keyout"]);
        check(make.arg(&key).arg("-out").arg(&certificate).stderr(Stdio::null()))?;
        for (text, signature) in [("root", "signature"), ("other", "other-signature")] {
            let mut sign = Command::new("openssl");
            sign.args(["smime", "-sign", "-nocerts", "-noattr", "-binary", "-outform", "der", "-in"]);
            sign.arg(self.path(text)).arg("-inkey").arg(&key).arg("-signer").arg(&certificate);
            check(sign.arg("-out").arg(self.path(signature)))?;
        }
        let der = self.path("certificate.der");
        let mut convert = Command::new("openssl");
        check(convert.args(["x509", "-outform", "der", "-in"]).arg(&certificate).arg("-out").arg(&der))?;
        let list = certificate_list(&read(&der)?);
        fs::write(self.path("certificates"), list).map_err(|error| format!("certificates: {error}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// The variable `db` as efivarfs takes it: attributes, a header of authentication without a signature, which firmware
/// without a platform key does not ask for, and an `EFI_SIGNATURE_LIST` with one X.509 certificate.
fn certificate_list(der: &[u8]) -> Vec<u8> {
    // Kept over restarts, seen by boot services and at run time, authenticated by time.
    let attributes = 0x27u32.to_le_bytes();
    // Midnight of 1 January 2026, as `EFI_TIME`.
    let time = [0xea, 0x07, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // `WIN_CERTIFICATE_UEFI_GUID` of 24 bytes: revision 2.0, type 0x0ef1, and nothing after its kind.
    let header = [24, 0, 0, 0, 0, 2, 0xf1, 0x0e];
    let entry = u32::try_from(16 + der.len()).unwrap_or(u32::MAX);
    let sizes = [28 + entry, 0, entry].map(u32::to_le_bytes).concat();
    // The owner of the certificate: nobody in particular.
    let list = [&EFI_CERT_X509_GUID[..], &sizes, &[0; 16], der].concat();
    [&attributes[..], &time, &header, &EFI_CERT_TYPE_PKCS7_GUID, &list].concat()
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
    for name in ["data", "hash", "root", "salt", "signature", "other-signature", "certificates", "tree/hello"]
    {
        initramfs.file(&format!("images/{name}"), 0o644, &read(&images.path(name))?);
    }
    initramfs.modules(&kernel.modules(MODULES)?);
    Ok(initramfs.finish())
}

/// a5c059a1-94e4-4aa7-87b5-ab155c2bf072, of the UEFI specification, with the first three fields in little endian.
const EFI_CERT_X509_GUID: [u8; 16] =
    [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];
/// 4aafd29d-68df-49ee-8aa9-347d375665a7, likewise.
const EFI_CERT_TYPE_PKCS7_GUID: [u8; 16] =
    [0x9d, 0xd2, 0xaf, 0x4a, 0xdf, 0x68, 0xee, 0x49, 0x8a, 0xa9, 0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7];
/// The first program: what the machine does.
const SCRIPT: &str = include_str!("verity/init.sh");
/// The cases.
const CASES: &str = include_str!("verity/cases.sh");
const SALT: &str = "e48da609055204e89ae53b655ca2216dd983cf3cb829f34f63a297d106d53e2d";
const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";
