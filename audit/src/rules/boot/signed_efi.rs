//! BOOT-002.

use hardpan_image::{EntryId, ReadAt};
use hardpan_report::{
    Cause, Evidence, Finding, Location, Outcome, Pillar, RuleMeta, Severity, Tally, Verdict, escape,
};

use crate::efi::pe::{Certificates, Pe, PeError};
use crate::efi::places::{BOOT, MODULES, Stage, boot_files};
use crate::{AuditRule, Context};
use hardpan_checksec::cause_of;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "BOOT-002",
        "signed-efi-binaries",
        "Each boot loader and kernel carries a signature",
        Pillar::SecureBoot,
        Severity::High,
        include_str!("signed_efi.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let files = boot_files(context);
    let mut tally = Tally::default();
    let mut findings = Vec::new();
    for (id, stage) in &files {
        let finding = judge(context, *id, *stage).err();
        tally.count(finding.as_ref().map_or(Outcome::Pass, |finding| finding.outcome));
        findings.extend(finding.map(|finding| *finding));
    }
    if let Some(finding) = BOOT.iter().chain(&MODULES).find_map(|place| context.blindness(place.as_bytes())) {
        tally.count(Outcome::Unknown);
        findings.push(finding);
    }
    if tally.total() == 0 {
        return Verdict::not_applicable(
            "there is no boot loader and no kernel in /boot, /efi or /usr/lib/modules",
        );
    }
    let evidence = vec![Evidence::new("files with a signature", tally.pass.to_string(), "")];
    Verdict::over(
        "boot files",
        tally,
        format!("{} boot loaders and kernels looked at", files.len()),
        findings,
        evidence,
    )
}

fn judge(context: &Context<'_>, id: EntryId, stage: Stage) -> Result<(), Box<Finding>> {
    let location = context.location(id);
    let source = context.index.open(id).map_err(|error| {
        let message = format!("it cannot be read: {error}");
        Box::new(Finding::unknown(cause_of(error.fault()), Some(location.clone()), "read", message))
    })?;
    signature(&*source, location, stage)
}

fn signature(source: &dyn ReadAt, location: Location, stage: Stage) -> Result<(), Box<Finding>> {
    let fact = |seen: &'static str| {
        Evidence::new("PE certificate table", seen, "an Authenticode signature").at(location.clone())
    };
    let unsigned = |message: &str, seen| {
        Err(Box::new(Finding::fail(Some(location.clone()), "signature", message).with(fact(seen))))
    };
    match Pe::read(source) {
        Ok(Pe { certificates: Certificates::Authenticode { .. }, .. }) => Ok(()),
        Ok(Pe { certificates: Certificates::None, .. }) => unsigned("it carries no signature", "none"),
        Ok(Pe { certificates: Certificates::Other(_), .. }) => {
            unsigned("it carries a certificate, but not an Authenticode signature", "another type")
        }
        Err(PeError::NotPe) if stage == Stage::Kernel => unsigned(
            "this kernel is no PE file, so it can carry no signature that firmware checks",
            "no PE file",
        ),
        Err(PeError::Io(error)) => {
            let message = format!("it cannot be read: {error}");
            Err(Box::new(Finding::unknown(Cause::Unreadable, Some(location), "read", message)))
        }
        Err(error) => {
            let message = format!("it is not what its name says: {}", escape(error.to_string().as_bytes()));
            Err(Box::new(Finding::unknown(Cause::Malformed, Some(location), "format", message)))
        }
    }
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::efi::pe::sample;
    use crate::fixture::expect;

    fn tree(path: &str, content: Vec<u8>) -> MemoryTree {
        MemoryTree::new().file(path, 0o644, content)
    }

    #[test]
    fn loaders_and_kernels_must_carry_a_signature() {
        let signed = || sample(&[], Some(2));
        let both =
            tree("/boot/efi/EFI/BOOT/BOOTX64.EFI", signed()).file("/boot/vmlinuz-6.1", 0o600, signed());
        let verdict = expect(&RULE, &both, Outcome::Pass);
        assert_eq!(verdict.tally.unwrap().0.pass, 2);
        expect(&RULE, &tree("/usr/lib/modules/6.1/vmlinuz", sample(&[], None)), Outcome::Fail);
        expect(&RULE, &tree("/boot/x.efi", sample(&[], Some(1))), Outcome::Fail);
        expect(&RULE, &tree("/boot/vmlinuz", b"\x1f\x8b".to_vec()), Outcome::Fail);
    }

    #[test]
    fn templates_that_nothing_starts_are_left_out() {
        let tree = tree("/usr/lib/systemd/boot/efi/linuxx64.efi", sample(&[], None));
        expect(&RULE, &tree, Outcome::NotApplicable);
    }

    #[test]
    fn damage_and_blindness_are_unknown() {
        expect(&RULE, &tree("/boot/x.efi", b"hello".to_vec()), Outcome::Unknown);
        let unreadable = tree("/boot/x.efi", sample(&[], Some(2))).unreadable("/boot/x.efi");
        expect(&RULE, &unreadable, Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/boot", 0o700).unreadable("/boot"), Outcome::Unknown);
    }
}
