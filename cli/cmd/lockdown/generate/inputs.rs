//! The files that a profile names or options give, read and held against each other.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_lockdown::Arch;
use hardpan_lockdown::generate::{Image, Inputs};
use hardpan_lockdown::profile::{Profile, Slot};
use hardpan_verity::Descriptor;

use super::checks::{self, Checks};
use super::{GivenArgs, modules};
use crate::Context;
use crate::cmd::policy::fingerprint::fingerprint_of;
use crate::cmd::verity::image::{self, Place};

/// What was read, and what came of holding it together.
pub(in super::super) struct Gathered {
    pub(in super::super) inputs: Inputs,
    pub(super) checks: Checks,
}

/// What is to be read.
pub(in super::super) struct Wanted<'a> {
    pub(in super::super) profile: &'a Profile,
    /// The directory of the profile.
    pub(in super::super) base: &'a Path,
    pub(in super::super) given: &'a GivenArgs,
    /// Whether images are left unverified.
    pub(in super::super) unverified: bool,
    pub(in super::super) context: &'a Context,
}

/// Reads everything but the program that boots. What disagrees is recorded, so that all of it is told at once.
pub(in super::super) fn gather(wanted: &Wanted<'_>) -> anyhow::Result<Gathered> {
    let Wanted { profile, base, given, unverified, context } = *wanted;
    let mut checks = Checks::default();
    let slots: Vec<&Slot> = profile.slots().collect();
    if slots.is_empty() {
        bail!("the profile has no [[slot]], without which nothing boots");
    }
    let images = Given::parse(&given.image, &slots)?;
    let hashes = Given::parse(&given.hash, &slots)?;
    let roots = Given::parse(&given.root_hash, &slots)?;
    let directory = given.kernel_modules.clone();
    let directory = directory.or_else(|| profile.modules.directory.as_ref().map(|path| base.join(path)));
    let modules = modules::ordered(profile, directory.as_deref(), &mut checks)?;
    let fingerprint = policy(profile, base, given, &mut checks)?;
    let mut found = Vec::new();
    for slot in slots {
        let finder = Finder { profile, base, slot, context, unverified };
        let given = [images.of(slot), hashes.of(slot), roots.of(slot)];
        found.push(finder.image(given, &mut checks).with_context(|| format!("slot {}", slot.name))?);
    }
    let arch = modules
        .first()
        .and_then(|module| arch_of(&module.bytes))
        .or_else(|| std::env::consts::ARCH.parse().ok());
    let inputs = Inputs { images: found, modules, init: Vec::new(), arch, fingerprint, mtime: mtime()? };
    Ok(Gathered { inputs, checks })
}

/// The policies whose fingerprints are expected.
pub(super) fn policies(profile: &Profile, base: &Path, given: &GivenArgs) -> Vec<PathBuf> {
    let own =
        profile.selinux.as_ref().and_then(|selinux| selinux.policy.as_ref()).map(|path| base.join(path));
    let all = given.policy.clone().or(own);
    let of_slots = profile.slots().filter_map(|slot| Some(base.join(slot.policy.as_ref()?)));
    all.into_iter().chain(of_slots).collect()
}

/// Values that options give for slots.
struct Given(Vec<(String, String)>);

impl Given {
    /// `SLOT=VALUE`, or the value alone where there is one slot.
    fn parse(words: &[String], slots: &[&Slot]) -> anyhow::Result<Self> {
        let mut given: Vec<(String, String)> = Vec::new();
        for word in words {
            let named = word.split_once('=').filter(|(name, _)| slots.iter().any(|slot| slot.name == *name));
            let (slot, value) = match (named, slots) {
                (Some((name, value)), _) => (name.to_owned(), value.to_owned()),
                (None, [only]) => (only.name.clone(), word.clone()),
                (None, _) => {
                    let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
                    bail!(
                        "`{word}` does not say for which slot it is: write SLOT={word}, with one of {}",
                        names.join(", ")
                    );
                }
            };
            if given.iter().any(|(other, _)| *other == slot) {
                bail!("slot {slot} is given twice by the same option");
            }
            given.push((slot, value));
        }
        Ok(Self(given))
    }

    fn of(&self, slot: &Slot) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == slot.name).map(|(_, value)| value.as_str())
    }
}

/// What belongs to one slot.
struct Finder<'a> {
    profile: &'a Profile,
    base: &'a Path,
    slot: &'a Slot,
    context: &'a Context,
    unverified: bool,
}

impl Finder<'_> {
    fn image(&self, [image, hash, root]: [Option<&str>; 3], checks: &mut Checks) -> anyhow::Result<Image> {
        let slot = self.slot;
        // What is given on the command line is relative to where one is; what the profile says is relative to it.
        let place = |given: Option<&str>, own: &Option<PathBuf>| {
            given.map(PathBuf::from).or_else(|| own.as_ref().map(|path| self.base.join(path)))
        };
        let (data, hash) = (place(image, &slot.image), place(hash, &slot.hash));
        let descriptor = slot.descriptor.as_ref().filter(|_| root.is_none()).map(|path| self.base.join(path));
        let place = Place {
            data: data.as_deref(),
            hash: hash.as_deref(),
            descriptor: descriptor.as_deref(),
            root_hash: root.or(slot.root_hash.as_deref()),
            hash_offset: slot.hash_offset,
        };
        let known = image::describe(&place)?;
        self.verify(&place, &known, checks)?;
        let signature = self.signature(&known, checks)?;
        let fingerprint = slot.policy.as_ref().map(|path| self.fingerprint(path, checks)).transpose()?;
        let Descriptor { params, root, area, .. } = known;
        Ok(Image { params, area, root, signature, fingerprint })
    }

    fn verify(&self, place: &Place<'_>, known: &Descriptor, checks: &mut Checks) -> anyhow::Result<()> {
        let name = format!("slot {}", self.slot.name);
        if self.unverified {
            checks.skip("image", &name, "the image was not verified, because of --danger-unverified");
            return Ok(());
        }
        if place.data.is_none() {
            bail!(
                "there is no image to verify: name it in the profile or by --image, or say --danger-unverified"
            );
        }
        match image::check(place, known, self.context)? {
            Ok(_) => {
                let root = &known.root;
                checks.pass(
                    "image",
                    &name,
                    format!("data and tree were verified in full against the root hash {root}"),
                );
            }
            Err(error) => checks.fail("image", &name, error.to_string()),
        }
        Ok(())
    }

    fn signature(&self, known: &Descriptor, checks: &mut Checks) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = &self.slot.signature else { return Ok(None) };
        let message = image::read_signature(&self.base.join(path))?;
        let name = format!("slot {}", self.slot.name);
        let Some(certificate) = &self.slot.certificate else {
            let why = "the signature was not checked: the slot names no certificate";
            checks.skip("signature", &name, why);
            return Ok(Some(message));
        };
        match image::check_signature(&known.root, &message, &self.base.join(certificate))? {
            Ok(()) => checks.pass("signature", &name, "the root hash is signed by the certificate's key"),
            Err(reason) => checks.fail("signature", &name, format!("the signature is not valid: {reason}")),
        }
        Ok(Some(message))
    }

    fn fingerprint(&self, path: &Path, checks: &mut Checks) -> anyhow::Result<[u8; 32]> {
        if self.profile.selinux.is_none() {
            bail!("it has a policy, and the profile no [selinux]");
        }
        let digest = fingerprint(self.profile, &self.base.join(path))?;
        checks.pass(
            "fingerprint",
            &format!("slot {}", self.slot.name),
            "the fingerprint of its policy was computed",
        );
        Ok(digest)
    }
}

/// The fingerprint of the policy of all slots that have none of their own, if it can be known.
fn policy(
    profile: &Profile,
    base: &Path,
    given: &GivenArgs,
    checks: &mut Checks,
) -> anyhow::Result<Option<[u8; 32]>> {
    let Some(selinux) = &profile.selinux else {
        if given.policy.is_some() {
            bail!("--policy is given, and the profile has no [selinux]");
        }
        return Ok(None);
    };
    let path = given.policy.clone().or_else(|| selinux.policy.as_ref().map(|path| base.join(path)));
    let Some(path) = path else {
        let text = match selinux.fingerprint() {
            Some(_) => "the fingerprint is the profile's; no policy was named to compute it from",
            None => {
                "any policy that lies in the image will be loaded: [selinux] names neither a policy nor a fingerprint"
            }
        };
        checks.skip("fingerprint", "", text);
        return Ok(None);
    };
    let computed = fingerprint(profile, &path)?;
    match selinux.fingerprint() {
        Some(wanted) if wanted != computed => {
            let text = format!("its fingerprint is {}, and the profile says another", hex(&computed));
            checks.fail("fingerprint", &path.display().to_string(), text);
        }
        _ => checks.pass(
            "fingerprint",
            "",
            format!("the policy's fingerprint was computed: {}", hex(&computed)),
        ),
    }
    Ok(Some(computed))
}

fn fingerprint(profile: &Profile, policy: &Path) -> anyhow::Result<[u8; 32]> {
    let release = profile.kernel.release.as_deref();
    let release =
        release.context("the fingerprint of a policy depends on the kernel: say [kernel] release")?;
    fingerprint_of(policy, release)
}

/// The architecture that an ELF file is for, if it is one that rules know: `e_machine`.
fn arch_of(elf: &[u8]) -> Option<Arch> {
    match elf.get(18..20)? {
        [62, 0] => Some(Arch::X86_64),
        [183, 0] => Some(Arch::Aarch64),
        _ => None,
    }
}

/// The program that boots; what was built together lies together.
pub(super) fn boot_program(given: Option<&Path>, checks: &mut Checks) -> anyhow::Result<Vec<u8>> {
    let own = || -> anyhow::Result<PathBuf> {
        let own = std::env::current_exe()
            .context("cannot tell where this program is; --boot names hardpan-boot")?;
        Ok(own.with_file_name("hardpan-boot"))
    };
    let path = given.map_or_else(own, |path| Ok(path.to_owned()))?;
    let read = std::fs::read(&path);
    let bytes = read.with_context(|| format!("cannot read {}; --boot names hardpan-boot", path.display()))?;
    checks::of_program(&path, &bytes, checks);
    Ok(bytes)
}

/// The time of everything in the initramfs: `SOURCE_DATE_EPOCH`, or the beginning of time, so that bytes can be made again.
fn mtime() -> anyhow::Result<u32> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Err(std::env::VarError::NotPresent) => Ok(0),
        Ok(text) => text.parse().with_context(|| {
            format!("SOURCE_DATE_EPOCH is `{text}`, and not a number of seconds that an initramfs can have")
        }),
        Err(error) => Err(error).context("SOURCE_DATE_EPOCH"),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
