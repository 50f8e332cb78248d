//! The root file systems of the two slots, with their hash trees and signatures.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::artefacts::{output, read, recreate, unpacked};
use crate::shell::{Outcome, check, root};

/// The image of a root file system and its tree.
pub(super) struct Root {
    /// The file system, of [`SIZE`] bytes.
    pub(super) data: PathBuf,
    /// The hash device: superblock and tree.
    pub(super) hash: PathBuf,
    /// Its root hash, in hexadecimal digits.
    pub(super) digest: String,
    /// A signature of the root hash by the lab's key, and one of another text.
    pub(super) signature: PathBuf,
    pub(super) other_signature: PathBuf,
}

/// The size of a file system: with 128 hashes in a block its tree has three levels.
pub(super) const SIZE: u64 = 72 << 20;
/// Of both kinds of blocks.
pub(super) const BLOCK: u64 = 4096;

impl Root {
    /// The kernel's parameters for the mapping, with words for the devices.
    pub(super) fn table(&self) -> String {
        format!("1 DATA HASH {BLOCK} {BLOCK} {} 1 sha256 {} {SALT}", SIZE / BLOCK, self.digest)
    }

    /// Where the first block of a level of the tree is on the hash device; level 0 is that of the data's hashes. The tree
    /// lies behind the superblock's block, its top first.
    pub(super) fn level(level: usize) -> u64 {
        let mut blocks = Vec::new();
        let mut below = SIZE / BLOCK;
        while below > 1 {
            below = below.div_ceil(128);
            blocks.push(below);
        }
        BLOCK * (1 + blocks.iter().skip(level + 1).sum::<u64>())
    }

    /// Where the first bytes of [`big`] are on the data device.
    pub(super) fn big(&self) -> Result<u64, String> {
        let (image, wanted) = (read(&self.data)?, big());
        let at = image.windows(64).position(|window| window == &wanted[..64]);
        at.map(|at| at as u64).ok_or_else(|| format!("{} does not have the large file", self.data.display()))
    }
}

/// What roots are made of.
pub(super) struct Ingredients {
    /// The program, statically linked.
    pub(super) program: PathBuf,
    /// The policy, its file contexts, and another policy.
    pub(super) policy: PathBuf,
    pub(super) contexts: PathBuf,
    pub(super) other_policy: PathBuf,
    /// A key and its certificate.
    pub(super) key: PathBuf,
    pub(super) certificate: PathBuf,
}

impl Ingredients {
    /// Compiles Hardpan's own policy, and makes a key.
    pub(super) fn make(program: &Path, place: &Path) -> Result<Self, String> {
        recreate(place)?;
        let path = |name: &str| place.join(name);
        let ingredients = Self {
            program: program.to_owned(),
            policy: path("policy.33"),
            contexts: path("file_contexts"),
            other_policy: path("other.33"),
            key: path("key.pem"),
            certificate: path("certificate.pem"),
        };
        let compile = |output: &Path, more: &[&str]| {
            let mut compile = Command::new(program);
            compile.args(["policy", "compile", "--quiet", "-c", "33", "-f"]).arg(&ingredients.contexts);
            check(compile.arg("-o").arg(output).args(more).arg(root().join("selinux-policy/policy")))
        };
        // The contexts that stay are those of the policy that is used.
        compile(&ingredients.other_policy, &["-O"])?;
        compile(&ingredients.policy, &[])?;
        let mut make = Command::new("openssl");
        make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=boot lab", "-keyout"]);
        check(make.arg(&ingredients.key).arg("-out").arg(&ingredients.certificate).stderr(Stdio::null()))?;
        Ok(ingredients)
    }

    /// The SHA-256 that selinuxfs gives back of the policy on a kernel of this release.
    pub(super) fn fingerprint(&self, release: &str) -> Result<String, String> {
        let mut tell = Command::new(&self.program);
        let told = output(tell.args(["policy", "fingerprint", "--kernel", release]).arg(&self.policy))?;
        let fingerprint = told.split_whitespace().next().map(str::to_owned);
        fingerprint.ok_or_else(|| "hardpan told no fingerprint".into())
    }

    /// Makes the root of a slot.
    pub(super) fn root(&self, slot: &str, place: &Path) -> Result<Root, String> {
        recreate(place)?;
        let tree = place.join("tree");
        self.fill(&tree, slot)?;
        let (data, hash) = (place.join("data"), place.join("hash"));
        let mut make = Command::new("mkfs.erofs");
        make.args(["--quiet", "-T0", "--all-root", "-U", UUID])
            .arg(format!("--file-contexts={}", self.contexts.display()));
        check(make.arg(&data).arg(&tree).stdout(Stdio::null()))?;
        let file = fs::OpenOptions::new().write(true).open(&data).and_then(|file| file.set_len(SIZE));
        file.map_err(|error| format!("{}: {error}", data.display()))?;
        let root_file = place.join("root");
        let digest = format(&self.program, &data, &hash, &root_file)?;
        let other = place.join("other");
        fs::write(&other, "ab".repeat(32)).map_err(|error| format!("{}: {error}", other.display()))?;
        let signature = self.sign(&root_file)?;
        let other_signature = self.sign(&other)?;
        Ok(Root { data, hash, digest, signature, other_signature })
    }

    /// Signs as the kernel wants it, by a tool of others.
    fn sign(&self, text: &Path) -> Result<PathBuf, String> {
        let signature = text.with_extension("p7s");
        let mut sign = Command::new("openssl");
        sign.args(["smime", "-sign", "-nocerts", "-noattr", "-binary", "-outform", "der", "-in"]).arg(text);
        sign.arg("-inkey").arg(&self.key).arg("-signer").arg(&self.certificate);
        check(sign.arg("-out").arg(&signature))?;
        Ok(signature)
    }

    fn fill(&self, tree: &Path, slot: &str) -> Outcome {
        recreate(tree)?;
        for directory in ["dev", "proc", "sys", "run", "etc", "var", "tmp"] {
            make_directory(&tree.join(directory))?;
        }
        let busybox = read(&unpacked("busybox-static")?.join("bin/busybox"))?;
        put(tree, "usr/bin/busybox", 0o755, &busybox)?;
        for name in ["sh", "cat", "cksum", "dmesg", "insmod", "ls"] {
            link(tree, &format!("usr/bin/{name}"), "busybox")?;
        }
        link(tree, "bin", "usr/bin")?;
        link(tree, "sbin", "usr/sbin")?;
        // A shell of its own, since a script as init would need the kernel's domain to run its shell, and busybox is by this name
        // another program.
        put(tree, "usr/sbin/init", 0o755, &read(&unpacked("bash-static")?.join("bin/bash-static"))?)?;
        put(tree, "usr/libexec/lab", 0o755, INIT.as_bytes())?;
        put(tree, "usr/bin/data", 0o755, b"no program\n")?;
        if slot == "b" {
            put(tree, "usr/bin/hardpan", 0o755, &read(&self.program)?)?;
        }
        put(tree, "usr/share/lab/slot", 0o644, slot.as_bytes())?;
        put(tree, "usr/share/lab/big", 0o644, &big())?;
        put(tree, "usr/share/selinux/hardpan/policy.33", 0o644, &read(&self.policy)?)?;
        put(tree, "usr/share/selinux/other/policy.33", 0o644, &read(&self.other_policy)?)?;
        self.bad_policies(tree)?;
        let factory = "usr/share/factory/etc";
        put(tree, &format!("{factory}/hostname"), 0o644, format!("slot-{slot}\n").as_bytes())?;
        put(tree, &format!("{factory}/secret"), 0o600, b"for root only\n")?;
        put(tree, &format!("{factory}/some/where/file"), 0o640, b"deep\n")?;
        link(tree, &format!("{factory}/link"), "some/where/file")
    }

    fn bad_policies(&self, tree: &Path) -> Outcome {
        let policy = read(&self.policy)?;
        let mut other_version = policy.clone();
        // Behind magic, the length of the target's name, and `SE Linux`.
        other_version[16] = 99;
        let mut changed = policy.clone();
        let middle = changed.len() / 2;
        changed[middle..middle + 64].fill(0xff);
        put(tree, "usr/share/selinux/version/policy.33", 0o644, &other_version)?;
        put(tree, "usr/share/selinux/changed/policy.33", 0o644, &changed)?;
        put(tree, "usr/share/selinux/cut/policy.33", 0o644, &policy[..policy.len() / 2])
    }
}

/// Makes the tree of an image, and returns the root hash, which is also written to a file, without a newline.
fn format(program: &Path, data: &Path, hash: &Path, root_file: &Path) -> Result<String, String> {
    let mut format = Command::new(program);
    format.args(["verity", "format", "--quiet", "--salt", SALT, "--uuid", UUID, "--root-hash-file"]);
    check(format.arg(root_file).arg(data).arg(hash).stdout(Stdio::null()))?;
    Ok(String::from_utf8_lossy(&read(root_file)?).trim().to_owned())
}

/// The tree of files of a root as ext4, which has no labels then: data, hash tree and root hash.
pub(super) fn ext4(program: &Path, tree: &Path, place: &Path) -> Result<(PathBuf, PathBuf, String), String> {
    let (data, hash) = (place.join("data.ext4"), place.join("hash.ext4"));
    let mut make = Command::new("mke2fs");
    make.args(["-q", "-t", "ext4", "-O", "^has_journal", "-b", "4096", "-d"]).arg(tree);
    check(make.arg(&data).arg(format!("{}M", SIZE >> 20)))?;
    let digest = format(program, &data, &hash, &place.join("root.ext4"))?;
    Ok((data, hash, digest))
}

/// A file of a mebibyte that is nowhere twice the same (`xorshift64`).
fn big() -> Vec<u8> {
    let mut state = 0x2026_1123_dead_beefu64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..1 << 17).flat_map(|_| next()).collect()
}

fn put(tree: &Path, name: &str, mode: u32, content: &[u8]) -> Outcome {
    let path = tree.join(name);
    make_directory(path.parent().unwrap_or(tree))?;
    let written =
        fs::write(&path, content).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn link(tree: &Path, name: &str, target: &str) -> Outcome {
    let path = tree.join(name);
    symlink(target, &path).map_err(|error| format!("{}: {error}", path.display()))
}

fn make_directory(path: &Path) -> Outcome {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What runs once the root is trusted: it shows what it finds, and ends the machine.
const INIT: &str = include_str!("init.sh");
const SALT: &str = "e48da609055204e89ae53b655ca2216dd983cf3cb829f34f63a297d106d53e2d";
const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";
