//! ETC-005.

use hardpan_image::{EntryId, FileKind};
use hardpan_report::{Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use super::mount::etc_mount;
use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ETC-005",
        "factory-etc",
        "/etc can be rebuilt from a pristine copy",
        Pillar::StatelessEtc,
        Severity::Low,
        include_str!("factory.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    if let Ok(Some(mount)) = etc_mount(context)
        && mount.fstype == "overlay"
    {
        let evidence = mount.evidence("an overlay over the shipped /etc");
        return Verdict::pass("the overlay's lower layer is the pristine copy", vec![evidence]);
    }
    let mut findings: Vec<Finding> = TMPFILES
        .iter()
        .chain([&FACTORY])
        .find_map(|path| context.blindness(path.as_bytes()))
        .into_iter()
        .collect();
    let files = context.index.resolve(FACTORY.as_bytes()).map_or(0, |factory| count_files(context, factory));
    let fill = match filling_line(context) {
        Ok(fill) => fill,
        Err(finding) => {
            findings.push(*finding);
            None
        }
    };
    let copy = Evidence::new("files in the factory copy", files.to_string(), "at least one");
    let copy = copy.at(Location::file(FACTORY));
    if let (true, Some(fill)) = (files > 0, fill.clone()) {
        return Verdict::pass("the factory copy of /etc is put in place by tmpfiles.d", vec![copy, fill]);
    }
    if findings.is_empty() {
        findings.push(missing(files, copy));
    }
    Verdict::of("/usr/share/factory/etc and tmpfiles.d searched", findings, Vec::new())
}

fn missing(files: u64, copy: Evidence) -> Finding {
    let message = if files == 0 {
        "there is no factory copy of /etc: /usr/share/factory/etc is missing or empty"
    } else {
        "there is a factory copy of /etc, but no tmpfiles.d line copies or links anything of it to /etc"
    };
    Finding::fail(Some(Location::file(FACTORY)), "factory", message).with(copy)
}

fn count_files(context: &Context<'_>, directory: EntryId) -> u64 {
    let mut pending = vec![directory];
    let mut files = 0;
    while let Some(id) = pending.pop() {
        if context.index.entry(id).metadata.kind == FileKind::Directory {
            pending.extend(context.index.children(id).map(|child| child.id));
        } else {
            files += 1;
        }
    }
    files
}

/// The first tmpfiles.d line that puts something from the factory copy into `/etc`: type `C` or `L`, with no source (the
/// factory copy then) or one below it.
fn filling_line(context: &Context<'_>) -> Result<Option<Evidence>, Box<Finding>> {
    for directory in TMPFILES {
        let Ok(directory) = context.index.resolve(directory.as_bytes()) else { continue };
        for entry in context.index.children(directory).filter(|entry| entry.name.ends_with(b".conf")) {
            let text = match context.text_of(entry.id) {
                Text::Present(text) => text,
                Text::Absent => continue,
                Text::Unread(finding) => return Err(finding),
            };
            if let Some((number, line)) = text.statements(b"#").find(|(_, line)| fills_etc(line)) {
                let fact = Evidence::new("tmpfiles.d line", escape(line), "a line that fills /etc");
                return Ok(Some(fact.at(text.line(number))));
            }
        }
    }
    Ok(None)
}

fn fills_etc(line: &[u8]) -> bool {
    let fields: Vec<&[u8]> =
        line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).take(7).collect();
    let [kind, path, ..] = fields[..] else { return false };
    let source = fields.get(6).copied().unwrap_or(b"-");
    let is_copy = matches!(kind.first(), Some(b'C' | b'L'));
    let is_etc = path == b"/etc" || path.starts_with(b"/etc/");
    is_copy && is_etc && (source == b"-" || source.starts_with(FACTORY.as_bytes()))
}

const FACTORY: &str = "/usr/share/factory/etc";
const TMPFILES: [&str; 3] = ["/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/lib/tmpfiles.d"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn with_factory() -> MemoryTree {
        MemoryTree::new().file("/usr/share/factory/etc/nsswitch.conf", 0o644, "")
    }

    fn with_line(line: &str) -> MemoryTree {
        with_factory().file("/usr/lib/tmpfiles.d/etc.conf", 0o644, line)
    }

    #[test]
    fn a_copy_that_is_put_in_place_passes() {
        expect(&RULE, &with_line("# x\nC! /etc/nsswitch.conf - - - -\n"), Outcome::Pass);
        expect(&RULE, &with_line("L /etc/a - - - - /usr/share/factory/etc/a\n"), Outcome::Pass);
    }

    #[test]
    fn no_copy_and_a_copy_that_nothing_uses_fail() {
        expect(&RULE, &MemoryTree::new(), Outcome::Fail);
        expect(&RULE, &with_factory(), Outcome::Fail);
        expect(&RULE, &with_line("L /etc/mtab - - - - ../proc/self/mounts\nd /etc/x\n"), Outcome::Fail);
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        let tree = MemoryTree::new().directory("/usr/share", 0o755).unreadable("/usr/share");
        expect(&RULE, &tree, Outcome::Unknown);
        expect(&RULE, &with_line("").unreadable("/usr/lib/tmpfiles.d/etc.conf"), Outcome::Unknown);
    }
}
