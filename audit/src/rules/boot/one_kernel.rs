//! BOOT-003.

use std::collections::BTreeMap;

use hardpan_image::{EntryId, ReadAt, read_exact_at};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::efi::pe::{Pe, PeError};
use crate::efi::places::{BOOT, MODULES, Stage, boot_files, module_directories};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "BOOT-003",
        "one-kernel",
        "There is one kernel, with its modules and no others",
        Pillar::SecureBoot,
        Severity::Medium,
        include_str!("one_kernel.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings: Vec<Finding> = BOOT
        .iter()
        .chain(&MODULES)
        .find_map(|place| context.blindness(place.as_bytes()))
        .into_iter()
        .collect();
    let kernels = kernels(context, &mut findings);
    let modules = modules(context);
    if kernels.is_empty() && findings.is_empty() {
        return without_kernel(&modules);
    }
    if kernels.len() > 1 {
        findings.extend(kernels.iter().map(|(version, location)| too_many(version, location, kernels.len())));
    }
    let orphans =
        modules.iter().filter(|(version, _)| !kernels.is_empty() && !kernels.contains_key(*version));
    findings.extend(orphans.map(|(version, location)| {
        let message = format!("there are modules for kernel {version}, which is not there");
        Finding::fail(Some(location.clone()), format!("modules:{version}"), message)
    }));
    let fact = |(version, location): (&String, &Location)| {
        Evidence::new("kernel", version.clone(), "one").at(location.clone())
    };
    let mut evidence: Vec<Evidence> = kernels.iter().map(fact).collect();
    evidence.push(Evidence::new("versions in /lib/modules", modules.len().to_string(), "0 or 1"));
    Verdict::of(
        format!("versions of kernels: {}, of modules: {}", kernels.len(), modules.len()),
        findings,
        evidence,
    )
}

fn without_kernel(modules: &BTreeMap<String, Location>) -> Verdict {
    match modules.len() {
        0 => Verdict::not_applicable(
            "there is no kernel and there are no modules: something else provides them",
        ),
        _ => Verdict::unknown(
            Cause::NoFacts,
            "there are kernel modules but no kernel: it may lie on a boot partition that is not part of this tree",
        ),
    }
}

fn too_many(version: &str, location: &Location, count: usize) -> Finding {
    let message =
        format!("kernel {version} is one of {count}: whoever controls the boot menu can start the oldest");
    let fact = Evidence::new("kernels", count.to_string(), "1");
    Finding::fail(Some(location.clone()), format!("kernel:{version}"), message).with(fact)
}

/// Kernels by version, with the first place of each. One kernel often lies in two places.
fn kernels(context: &Context<'_>, findings: &mut Vec<Finding>) -> BTreeMap<String, Location> {
    let mut kernels = BTreeMap::new();
    for (id, stage) in boot_files(context) {
        let location = context.location(id);
        match version(context, id, stage) {
            Some(Ok(version)) => {
                kernels.entry(escape(&version)).or_insert(location);
            }
            Some(Err(())) => findings.push(Finding::unknown(
                Cause::Undecided,
                Some(location),
                "version",
                "this kernel shows its version neither in its header nor in its name",
            )),
            None => {}
        }
    }
    kernels
}

/// The version of a kernel; `None` for EFI programs that are no unified kernel image.
fn version(context: &Context<'_>, id: EntryId, stage: Stage) -> Option<Result<Vec<u8>, ()>> {
    let source = context.index.open(id).ok();
    if stage == Stage::Efi {
        let Some(source) = source else { return Some(Err(())) };
        let pe = match Pe::read(&*source) {
            Ok(pe) => pe,
            Err(PeError::NotPe) => return None,
            // It may be a unified kernel image: what is wrong with it is BOOT-002's to report.
            Err(_) => return Some(Err(())),
        };
        return pe.has_section(".linux").then(|| uki_version(&pe, &*source).ok_or(()));
    }
    let in_header = source.and_then(|source| header_version(&*source));
    Some(in_header.or_else(|| version_by_name(context, id)).ok_or(()))
}

fn uki_version(pe: &Pe, source: &dyn ReadAt) -> Option<Vec<u8>> {
    let text = pe.section(source, ".uname", MAX_VERSION)?;
    first_word(&text)
}

/// The boot protocol of x86: `HdrS` at 0x202, and at 0x20e where the version text is, counted from 0x200.
fn header_version(source: &dyn ReadAt) -> Option<Vec<u8>> {
    let mut header = [0; 14];
    read_exact_at(source, &mut header, 0x202).ok()?;
    let offset = u16::from_le_bytes([header[12], header[13]]);
    if &header[..4] != b"HdrS" || offset == 0 {
        return None;
    }
    let mut text = [0; MAX_VERSION as usize];
    read_exact_at(source, &mut text, u64::from(offset) + 0x200).ok()?;
    first_word(&text)
}

fn version_by_name(context: &Context<'_>, id: EntryId) -> Option<Vec<u8>> {
    let name = context.index.entry(id).name;
    if let Some(at) = name.iter().position(|byte| *byte == b'-') {
        return Some(name[at + 1..].to_vec());
    }
    let parent = context.index.parent(id);
    module_directories(context).contains(&parent).then(|| context.index.entry(parent).name.to_vec())
}

fn first_word(text: &[u8]) -> Option<Vec<u8>> {
    let word = text.split(|byte| *byte == 0 || byte.is_ascii_whitespace()).next()?;
    (!word.is_empty()).then(|| word.to_vec())
}

/// Versions that have something to load. Packages leave empty directories behind.
fn modules(context: &Context<'_>) -> BTreeMap<String, Location> {
    let index = context.index;
    let has_modules = |id: &EntryId| {
        index.children(*id).any(|entry| entry.name == b"kernel" || entry.name.starts_with(b"modules.dep"))
    };
    let versions = module_directories(context).into_iter().filter(has_modules);
    versions.map(|id| (escape(index.entry(id).name), context.location(id))).collect()
}

/// The longest release name that the kernel allows is 64 bytes.
const MAX_VERSION: u32 = 65;

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::efi::pe::sample;
    use crate::fixture::expect;

    fn bzimage(version: &str) -> Vec<u8> {
        let mut file = vec![0; 0x400];
        file[0x202..0x206].copy_from_slice(b"HdrS");
        file[0x20e..0x210].copy_from_slice(&[0, 1]);
        file[0x300..0x300 + version.len()].copy_from_slice(version.as_bytes());
        file
    }

    fn tree() -> MemoryTree {
        MemoryTree::new()
            .file("/boot/vmlinuz", 0o600, bzimage("6.1.0-9 (root@x) #1"))
            .file("/usr/lib/modules/6.1.0-9/modules.dep", 0o644, "")
            .symlink("/lib", "usr/lib")
            .symlink("/boot/vmlinuz.old", "vmlinuz")
    }

    #[test]
    fn one_kernel_in_several_places_is_one() {
        let uki = sample(&[(".linux", b"x"), (".uname", b"6.1.0-9")], None);
        let tree = tree().file("/efi/EFI/Linux/a.efi", 0o600, uki).file(
            "/efi/EFI/BOOT/BOOTX64.EFI",
            0o600,
            sample(&[], None),
        );
        let verdict = expect(&RULE, &tree, Outcome::Pass);
        assert_eq!(verdict.evidence[0].seen, "6.1.0-9");
    }

    #[test]
    fn what_may_be_a_kernel_and_cannot_be_read_is_unknown() {
        let path = "/efi/EFI/Linux/b.efi";
        expect(&RULE, &tree().file(path, 0o600, "x").unreadable(path), Outcome::Unknown);
    }

    #[test]
    fn a_second_kernel_and_foreign_modules_are_found() {
        let second = tree().file("/boot/vmlinuz-5.10.0-1", 0o600, "not a bzImage");
        assert_eq!(expect(&RULE, &second, Outcome::Fail).findings.len(), 2);
        let foreign = tree().directory("/usr/lib/modules/5.10.0-1/kernel", 0o755);
        let verdict = expect(&RULE, &foreign, Outcome::Fail);
        assert_eq!(verdict.findings[0].fingerprint("B"), "B:/usr/lib/modules/5.10.0-1:modules:5.10.0-1");
    }

    #[test]
    fn no_kernel_and_a_nameless_one_prove_nothing() {
        expect(&RULE, &MemoryTree::new(), Outcome::NotApplicable);
        expect(&RULE, &MemoryTree::new().file("/lib/modules/6.1/modules.dep", 0o644, ""), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().file("/boot/vmlinuz", 0o600, "x"), Outcome::Unknown);
        expect(&RULE, &tree().unreadable("/usr/lib/modules"), Outcome::Unknown);
    }
}
