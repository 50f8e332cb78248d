//! Reading the facts, once.

mod attributes;
pub(crate) mod initramfs;
mod kernel;
mod scripts;

pub use initramfs::boot_config;
pub use kernel::{kernel_facts, live_kernel_facts};
use std::sync::Mutex;

use hardpan_checksec::facts::Dynamic;
use hardpan_checksec::{Kind, Scan, ScanOptions, scan};
use hardpan_image::Index;
use hardpan_lockdown::Host;

use hardpan_report::{Cause, Finding, Location, escape};

use crate::text::NOT_REACHED;
use crate::{Context, Parameters, Program, Script, Text, content};

/// Told of entries as they are read; stops the work by returning false.
pub type Progress<'p> = &'p (dyn Fn(u64) -> bool + Sync);

/// The facts of a tree.
pub struct Facts<'a> {
    /// What rules are judged on.
    pub context: Context<'a>,
    /// What the ELF rules found.
    pub scan: Scan,
}

/// Reads everything that rules need; `None` if `progress` stopped it. `host` is the running host if its state may be
/// used.
pub fn gather<'a>(
    index: &'a Index<'a>,
    host: Option<&'a Host>,
    parameters: Parameters,
    progress: Progress<'_>,
) -> Option<Facts<'a>> {
    let found = Mutex::new(Vec::new());
    let sniff = |entry: hardpan_image::Entry<'_>, head: &[u8]| {
        if let Some(script) = scripts::script(&entry, head) {
            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(script);
        }
    };
    let scan = scan(index, &ScanOptions { sniff: Some(&sniff), ..ScanOptions::default() }, progress)?;
    let mut scripts: Vec<Script> = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    scripts.sort_by_cached_key(|script| index.path(script.id));
    let mut context = Context::new(index);
    context.host = host;
    context.mounts = host.map(Host::mounts);
    context.programs = programs(&scan);
    content::search(index, &mut context.programs);
    if !progress(0) {
        return None;
    }
    context.unjudged = unjudged(index, &scan);
    context.scripts = scripts;
    context.attributes = attributes::read(index, progress)?;
    context.kernel = kernel::facts(&context);
    context.parameters = parameters;
    Some(Facts { context, scan })
}

fn programs(scan: &Scan) -> Vec<Program> {
    // A member of an archive has no entry, and is no program before it is linked.
    let readable = scan.elves.iter().filter_map(|elf| Some((elf.id?, elf.facts.as_ref().ok()?)));
    readable
        .filter_map(|(id, facts)| {
            let is_program = match facts.kind {
                Kind::Executable | Kind::StaticExecutable | Kind::Pie | Kind::StaticPie => true,
                Kind::SharedObject | Kind::Loader | Kind::Undecided => false,
                _ => return None,
            };
            let dynamic = facts.dynamic.as_ref().ok().and_then(Option::as_ref);
            Some(Program {
                is_program,
                needed: dynamic.map(needed).unwrap_or_default(),
                language: facts.origin.language,
                told_by: facts.origin.evidence.into(),
                ..Program::new(id)
            })
        })
        .collect()
}

/// Executable files that may be programs or scripts, for all that could be read of them.
fn unjudged(index: &Index<'_>, scan: &Scan) -> Vec<Finding> {
    let executable =
        |path: &[u8]| index.lookup(path).is_some_and(|id| index.entry(id).metadata.is_executable());
    // Of a damaged ELF file it is not known what it holds and what it loads, and the kernel may run it all the same.
    let damaged = scan.elves.iter().filter_map(|elf| {
        let error = elf.facts.as_ref().err().filter(|_| executable(&elf.path))?;
        let reason = format!("what it is cannot be told: {error}");
        let location = Some(Location::file(elf.path.clone()));
        Some(Finding::unknown(Cause::Undecided, location, "unjudged", reason))
    });
    let files = scan.unreadable.iter().filter(|file| executable(&file.path));
    let finding = |file: &hardpan_checksec::Unreadable| {
        let reason = format!("what it is cannot be told: {}", file.reason);
        Finding::unknown(file.cause, Some(Location::file(file.path.clone())), "unjudged", reason)
    };
    files.map(finding).chain(damaged).collect()
}

fn needed(dynamic: &Dynamic) -> Vec<Vec<u8>> {
    let names = dynamic.names.as_ref().map(|names| &names.needed[..]).unwrap_or_default();
    names.iter().map(|(_, name)| name.to_vec()).collect()
}

impl Facts<'_> {
    /// What could not be read besides directories and executables, which have rules of their own.
    pub fn unread(&self) -> Vec<&Finding> {
        let troubles = self.context.kernel.troubles.all();
        let all = self.context.attributes.unread.iter().chain(troubles);
        // What was read and does not decide is for the rules to say.
        all.filter(|finding| finding.cause.is_some_and(Cause::is_incomplete) && finding.key != NOT_REACHED)
            .collect()
    }
}

impl Context<'_> {
    /// `PRETTY_NAME` of the tree's os-release.
    pub fn os_name(&self) -> Option<String> {
        let Text::Present(file) = self.text("/etc/os-release") else { return None };
        let line = file.statements(b"#").find_map(|(_, line)| line.strip_prefix(b"PRETTY_NAME="))?;
        let name = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
        Some(escape(name))
    }
}

#[cfg(test)]
mod tests {
    use hardpan_image::{MemoryTree, Tree, open_stream};
    use hardpan_report::Outcome;

    use super::*;

    fn outcome(tree: &dyn Tree, rule: &str) -> Outcome {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let facts = gather(&index, None, Parameters::default(), &|_| true).unwrap();
        let rule = crate::RULES.iter().find(|known| known.meta.id == rule).unwrap();
        (rule.check)(&facts.context).outcome()
    }

    #[test]
    fn a_damaged_program_may_be_anything() {
        let damaged = [b"\x7fELF".to_vec(), vec![0xee; 200]].concat();
        let tree = MemoryTree::new().directory("/etc", 0o755).file("/usr/bin/agent", 0o755, damaged);
        assert_eq!(outcome(&tree, "MIN-001"), Outcome::Unknown);
        assert_eq!(outcome(&MemoryTree::new(), "MIN-001"), Outcome::Pass);
    }

    /// A tar with one empty file: name, mode, size, checksum and type are all that a header needs.
    fn archive() -> Vec<u8> {
        let mut block = [0; 512];
        block[..5].copy_from_slice(b"usr/x");
        block[100..107].copy_from_slice(b"0000755");
        block[124..135].copy_from_slice(b"00000000000");
        block[148..156].fill(b' ');
        block[156] = b'0';
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        [&block[..], &[0; 1024]].concat()
    }

    #[test]
    fn an_archive_without_attributes_says_nothing_of_capabilities() {
        let tree = open_stream(&archive()[..]).unwrap();
        assert_eq!(outcome(&*tree, "API-006"), Outcome::Unknown);
        assert_eq!(outcome(&MemoryTree::new().file("/usr/x", 0o755, ""), "API-006"), Outcome::Pass);
    }
}
