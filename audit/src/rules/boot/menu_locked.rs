//! BOOT-005.

use hardpan_image::EntryId;
use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::efi::places::{BOOT, files_below};
use crate::{AuditRule, Context, Text, TextFile};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "BOOT-005",
        "boot-menu-locked",
        "The boot menu lets nobody change what is booted",
        Pillar::SecureBoot,
        Severity::High,
        include_str!("menu_locked.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    let (mut has_systemd_boot, mut has_loader_conf) = (None, false);
    for id in files(context) {
        let name = context.index.entry(id).name.to_ascii_lowercase();
        match &name[..] {
            b"grub.cfg" => with_text(context, id, &mut findings, &mut evidence, judge_grub),
            b"loader.conf" => {
                has_loader_conf = true;
                with_text(context, id, &mut findings, &mut evidence, |context, text| {
                    Some(judge_systemd_boot(context, text))
                });
            }
            name if name.starts_with(b"systemd-boot") && name.ends_with(b".efi") => {
                has_systemd_boot = Some(id);
            }
            _ => {}
        }
    }
    if let (Some(id), false) = (has_systemd_boot, has_loader_conf) {
        let message =
            "systemd-boot lets everybody edit the kernel command line unless a loader.conf says `editor no`";
        findings.push(Finding::fail(Some(context.location(id)), "editor", message));
    }
    findings.extend(BOOT.iter().find_map(|place| context.blindness(place.as_bytes())));
    if findings.is_empty() && evidence.is_empty() {
        return Verdict::unknown(
            Cause::NoFacts,
            if context.host.is_some() { NO_FACTS_LIVE } else { NO_FACTS },
        );
    }
    Verdict::of("what the boot menu lets everybody change", findings, evidence)
}

fn files(context: &Context<'_>) -> Vec<EntryId> {
    let mut files: Vec<EntryId> = BOOT[..2].iter().flat_map(|place| files_below(context, place)).collect();
    files.sort_by_cached_key(|id| context.index.path(*id));
    files.dedup();
    files
}

type Judged = Option<Result<Evidence, Box<Finding>>>;

fn with_text(
    context: &Context<'_>,
    id: EntryId,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<Evidence>,
    judge: fn(&Context<'_>, &TextFile) -> Judged,
) {
    match context.text_of(id) {
        Text::Present(text) => match judge(context, &text) {
            Some(Ok(fact)) => evidence.push(fact),
            Some(Err(finding)) => findings.push(*finding),
            None => {}
        },
        Text::Absent => {}
        Text::Unread(finding) => findings.push(*finding),
    }
}

/// GRUB asks for a password before it edits an entry or opens its console as soon as `superusers` is set; if it is
/// empty, no password will do. A file without entries only loads another one.
fn judge_grub(context: &Context<'_>, text: &TextFile) -> Judged {
    let lines: Vec<(u32, String)> = text
        .statements(b"#")
        .map(|(number, line)| (number, String::from_utf8_lossy(line).into_owned()))
        .collect();
    if !lines.iter().any(|(_, line)| has_entries(line)) {
        return None;
    }
    let location = context.location(text.id);
    if let Some((number, _)) = lines.iter().find(|(_, line)| line.starts_with("password ")) {
        let message = "the boot menu's password is written here in the clear; use `password_pbkdf2`";
        return Some(Err(Box::new(Finding::fail(Some(text.line(*number)), "clear-password", message))));
    }
    let Some((number, line)) = lines.iter().find(|(_, line)| sets_superusers(line)) else {
        let fact = Evidence::new("superusers", "not set", "set").at(location.clone());
        return Some(Err(Box::new(Finding::fail(Some(location), "superusers", GRUB_OPEN).with(fact))));
    };
    let by_user_cfg =
        lines.iter().any(|(_, line)| line.starts_with("password_pbkdf2") && line.contains("GRUB2_PASSWORD"));
    if by_user_cfg && !has_user_cfg(context, text) {
        let fact = Evidence::new("GRUB2_PASSWORD in user.cfg", "not set", "set").at(text.line(*number));
        return Some(Err(Box::new(Finding::fail(Some(location), "superusers", GRUB_OPEN).with(fact))));
    }
    Some(Ok(Evidence::new("superusers", escape(line.as_bytes()), "set").at(text.line(*number))))
}

fn has_entries(line: &str) -> bool {
    let word = line.split_ascii_whitespace().next().unwrap_or_default();
    matches!(word, "menuentry" | "submenu" | "linux" | "linuxefi" | "blscfg" | "uki")
}

fn sets_superusers(line: &str) -> bool {
    line.strip_prefix("set ").unwrap_or(line).trim_start().starts_with("superusers=")
}

/// Fedora's configuration sets `superusers` only if the file beside it names a password.
fn has_user_cfg(context: &Context<'_>, text: &TextFile) -> bool {
    let directory = context.index.parent(text.id);
    let Ok(id) = context.index.resolve_from(directory, b"user.cfg") else { return false };
    let Text::Present(user) = context.text_of(id) else { return false };
    user.statements(b"#").any(|(_, line)| line.starts_with(b"GRUB2_PASSWORD=") && line.len() > 15)
}

fn judge_systemd_boot(context: &Context<'_>, text: &TextFile) -> Result<Evidence, Box<Finding>> {
    let location = context.location(text.id);
    let editor = text.statements(b"#").filter_map(|(number, line)| {
        let line = String::from_utf8_lossy(line).into_owned();
        let (key, value) = line.split_once(|character: char| character.is_ascii_whitespace())?;
        (key == "editor").then(|| (number, value.trim().to_ascii_lowercase()))
    });
    match editor.last() {
        Some((number, value)) if matches!(value.as_str(), "no" | "0" | "false" | "off" | "n" | "f") => {
            let seen = format!("editor {}", escape(value.as_bytes()));
            Ok(Evidence::new("systemd-boot's editor", seen, "editor no").at(text.line(number)))
        }
        found => {
            let seen = if found.is_some() { "on" } else { "not set, so on" };
            let fact = Evidence::new("systemd-boot's editor", seen, "editor no").at(location.clone());
            let message = "systemd-boot lets everybody edit the kernel command line: `editor no` is missing";
            Err(Box::new(Finding::fail(Some(location), "editor", message).with(fact)))
        }
    }
}

const GRUB_OPEN: &str =
    "GRUB lets everybody at the console edit boot entries and open its command line: `superusers` is not set";
const NO_FACTS: &str = "no configuration of GRUB or systemd-boot was found in /boot or /efi; audit the running host \
                        (`hardpan audit /`), or a tree that includes the boot partition";

const NO_FACTS_LIVE: &str = "no configuration of GRUB or systemd-boot was found in /boot or /efi: another boot loader \
                             starts this host, or the boot partition is not mounted";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn grub(head: &str) -> MemoryTree {
        let text = format!("{head}\nmenuentry 'Linux' {{\n\tlinux /vmlinuz ro\n}}\n");
        MemoryTree::new().file("/boot/grub/grub.cfg", 0o600, text)
    }

    #[test]
    fn grub_is_locked_by_superusers() {
        expect(&RULE, &grub("set superusers=\"\""), Outcome::Pass);
        expect(&RULE, &grub("set superusers=\"root\"\npassword_pbkdf2 root grub.pbkdf2.x"), Outcome::Pass);
        expect(&RULE, &grub("set timeout=5\n# set superusers=root"), Outcome::Fail);
        expect(&RULE, &grub("set superusers=\"root\"\npassword root secret"), Outcome::Fail);
    }

    #[test]
    fn a_locked_grub_does_not_lock_systemd_boot() {
        let tree = grub("set superusers=\"\"").file("/efi/EFI/systemd/systemd-bootx64.efi", 0o600, "MZ");
        expect(&RULE, &tree, Outcome::Fail);
    }

    #[test]
    fn fedoras_password_lies_beside() {
        let fedora = || {
            grub(
                "if [ -f ${prefix}/user.cfg ]; then\n set superusers=\"root\"\n password_pbkdf2 root ${GRUB2_PASSWORD}\nfi",
            )
        };
        expect(&RULE, &fedora(), Outcome::Fail);
        let user = fedora().file("/boot/grub/user.cfg", 0o600, "GRUB2_PASSWORD=grub.pbkdf2.x\n");
        expect(&RULE, &user, Outcome::Pass);
    }

    #[test]
    fn a_file_that_only_loads_another_is_left_out() {
        let stub = "search.fs_uuid 1 root\nconfigfile $prefix/grub.cfg\n";
        let tree = grub("set superusers=\"\"").file("/boot/efi/EFI/debian/grub.cfg", 0o600, stub);
        expect(&RULE, &tree, Outcome::Pass);
        expect(&RULE, &MemoryTree::new().file("/boot/grub/grub.cfg", 0o600, stub), Outcome::Unknown);
    }

    #[test]
    fn systemd_boot_must_have_its_editor_off() {
        let loader = |text: &str| MemoryTree::new().file("/efi/loader/loader.conf", 0o600, text);
        expect(&RULE, &loader("timeout 3\neditor\tno\n"), Outcome::Pass);
        expect(&RULE, &loader("editor yes\n"), Outcome::Fail);
        expect(&RULE, &loader("timeout 3\n"), Outcome::Fail);
        let bare = MemoryTree::new().file("/efi/EFI/systemd/systemd-bootx64.efi", 0o600, "");
        expect(&RULE, &bare, Outcome::Fail);
    }

    #[test]
    fn without_a_boot_loader_nothing_is_known() {
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
        expect(&RULE, &grub("").unreadable("/boot/grub/grub.cfg"), Outcome::Unknown);
        expect(
            &RULE,
            &grub("set superusers=\"\"").directory("/boot/efi", 0o700).unreadable("/boot/efi"),
            Outcome::Unknown,
        );
    }
}
