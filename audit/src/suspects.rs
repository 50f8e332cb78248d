//! Finding the catalogue's tools in a tree: by name, by content, by library. What all rules of absence share.

use std::collections::{BTreeMap, HashMap};

use hardpan_image::{Entry, EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, Location, Verdict, escape};

use crate::Context;
use crate::content::{Content, Trace};
use crate::tools::{Ban, TOOLS, Tool};

/// The verdict of a rule that wants no tool of one kind: a finding for each real file, or a proof of absence.
pub(crate) fn judge_absence(context: &Context<'_>, ban: Ban) -> Verdict {
    let findings = findings(context, ban);
    let summary = match findings.iter().filter(|finding| finding.cause.is_none()).count() {
        0 => format!("no file is or contains {}", ban.noun()),
        1 => format!("1 file is or contains {}", ban.noun()),
        count => format!("{count} files each are or contain {}", ban.noun()),
    };
    context.absence(summary, findings)
}

/// A finding for each file that is a tool of the kind, and for each that could not be judged.
pub(crate) fn findings(context: &Context<'_>, ban: Ban) -> Vec<Finding> {
    let mut search =
        Search { context, ban, files: HashMap::new(), suspects: BTreeMap::new(), troubles: Vec::new() };
    search.identify_files();
    search.look_at_names();
    search.look_at_content();
    search.look_at_libraries();
    search.report()
}

/// Whether a directory is one that programs are called from: `bin`, `sbin` or `libexec`, wherever it is.
pub(crate) fn is_program_directory(name: &[u8]) -> bool {
    matches!(name, b"bin" | b"sbin" | b"libexec")
}

/// Files in directories of programs, and links to files there.
pub(crate) fn called_programs<'a>(context: &'a Context<'_>) -> impl Iterator<Item = Entry<'a>> + 'a {
    context.index.entries().filter(|entry| {
        matches!(entry.metadata.kind, FileKind::File | FileKind::Symlink)
            && is_program_directory(context.index.entry(context.index.parent(entry.id)).name)
    })
}

struct Search<'s, 'i> {
    context: &'s Context<'i>,
    ban: Ban,
    /// The first entry of each file that has several: hard links are one file.
    files: HashMap<(u64, u64), EntryId>,
    suspects: BTreeMap<EntryId, Suspect<'s>>,
    troubles: Vec<Finding>,
}

/// Why one file is suspected.
#[derive(Default)]
struct Suspect<'s> {
    names: Vec<(EntryId, &'static Tool)>,
    traces: Vec<(Trace, &'static Tool)>,
    needed: Vec<(&'s [u8], &'static Tool)>,
    library: Option<&'static Tool>,
}

impl<'s> Search<'s, '_> {
    fn identify_files(&mut self) {
        let files = self.context.index.entries();
        for entry in files.filter(|entry| entry.metadata.kind == FileKind::File && entry.metadata.links > 1) {
            self.files.entry((entry.metadata.device, entry.metadata.inode)).or_insert(entry.id);
        }
    }

    fn tools(&self) -> impl Iterator<Item = &'static Tool> + use<> {
        let ban = self.ban;
        TOOLS.iter().filter(move |tool| tool.ban == ban)
    }

    fn suspect(&mut self, id: EntryId) -> &mut Suspect<'s> {
        let metadata = self.context.index.entry(id).metadata;
        let first = self.files.get(&(metadata.device, metadata.inode)).copied().unwrap_or(id);
        self.suspects.entry(first).or_default()
    }

    fn look_at_names(&mut self) {
        let context = self.context;
        for entry in called_programs(context) {
            let Some(tool) = self.tools().find(|tool| tool.has_name(entry.name)) else { continue };
            match target(context, entry) {
                Ok(Some(id)) => self.suspect(id).names.push((entry.id, tool)),
                Ok(None) => {}
                Err(error) => {
                    let path = escape(&context.index.path(entry.id));
                    let reason = format!("{path} has the name of {}, but {error}", self.ban.noun());
                    let location = Some(context.location(entry.id));
                    self.troubles.push(Finding::unknown(Cause::Unreadable, location, "program", reason));
                }
            }
        }
    }

    fn look_at_content(&mut self) {
        let mut unsearched = 0_u64;
        for program in &self.context.programs {
            for needed in program.needed.iter().filter(|_| program.is_program) {
                if let Some(tool) = self.tools().find(|tool| tool.has_library(needed)) {
                    self.suspect(program.id).needed.push((needed, tool));
                }
            }
            match &program.content {
                Content::NotSearched => unsearched += u64::from(program.is_program),
                Content::Unread { cause, reason } => {
                    let path = escape(&self.context.index.path(program.id));
                    let reason = format!("{path} could not be searched: {reason}");
                    let location = Some(self.context.location(program.id));
                    self.troubles.push(Finding::unknown(*cause, location, "program", reason));
                }
                Content::Searched(traces) => {
                    for trace in traces {
                        let tool = self.tools().find(|tool| tool.what == trace.what);
                        if let Some(tool) = tool {
                            self.suspect(program.id).traces.push((*trace, tool));
                        }
                    }
                }
            }
        }
        if unsearched > 0 {
            let reason = format!(
                "the content of {unsearched} programs was not searched, and names alone prove nothing; search it"
            );
            self.troubles.push(Finding::unknown(Cause::NoFacts, None, "not-searched", reason));
        }
        self.troubles.extend(unjudged(self.context));
    }

    fn look_at_libraries(&mut self) {
        let context = self.context;
        for entry in context.index.entries().filter(|entry| entry.metadata.kind == FileKind::File) {
            if entry.name.starts_with(b"lib")
                && let Some(tool) = self.tools().find(|tool| tool.has_library(entry.name))
            {
                self.suspect(entry.id).library = Some(tool);
            }
        }
    }

    fn report(self) -> Vec<Finding> {
        let suspects = self.suspects.iter();
        let mut findings: Vec<Finding> =
            suspects.map(|(id, suspect)| suspect.finding(self.context, self.ban, *id)).collect();
        findings.extend(self.troubles);
        findings
    }
}

impl Suspect<'_> {
    fn finding(&self, context: &Context<'_>, ban: Ban, id: EntryId) -> Finding {
        let path = context.index.path(id);
        let shown = escape(&path);
        let tools = self.tools();
        let whats: Vec<&str> = tools.iter().map(|tool| tool.what).collect();
        let (noun, what) = (ban.noun(), whats.join(", "));
        let message = match (self.names.is_empty(), self.traces.is_empty(), self.needed.is_empty()) {
            (false, false, _) => format!("{shown} is {noun} ({what}), by its name and its content"),
            (false, true, false) => format!("{shown} is {noun} ({what}), by its name and its libraries"),
            (false, true, true) => format!("{shown} is {noun} ({what}), by its name"),
            (true, false, _) => format!("{shown} contains {noun} ({what}), by its content"),
            (true, true, false) => format!("{shown} loads the library of {noun} ({what})"),
            (true, true, true) => format!("{shown} is the library of {noun} ({what})"),
        };
        let mut finding = Finding::fail(Some(Location::file(path.clone())), "program", message);
        finding.evidence = self.evidence(context, &path);
        finding.evidence.extend(tools.iter().map(|tool| Evidence::new(tool.what, tool.why, "absent")));
        finding
    }

    fn tools(&self) -> Vec<&'static Tool> {
        let names = self.names.iter().map(|(_, tool)| *tool);
        let traces = self.traces.iter().map(|(_, tool)| *tool);
        let needed = self.needed.iter().map(|(_, tool)| *tool);
        let mut tools: Vec<&'static Tool> = Vec::new();
        for tool in names.chain(traces).chain(needed).chain(self.library) {
            if !tools.iter().any(|known| known.what == tool.what) {
                tools.push(tool);
            }
        }
        tools
    }

    fn evidence(&self, context: &Context<'_>, path: &[u8]) -> Vec<Evidence> {
        let file = Location::file(path);
        let mut evidence = Vec::new();
        if !self.names.is_empty() {
            let names = self.names.iter().map(|(id, _)| escape(&context.index.path(*id)));
            let shown: Vec<String> = names.collect();
            evidence.push(Evidence::new("names", shown.join(", "), "").at(file.clone()));
        }
        for (trace, _) in &self.traces {
            let place = Location::offset(path, trace.offset);
            evidence.push(Evidence::new("text in it", trace.literal, "").at(place));
        }
        for (library, _) in &self.needed {
            evidence.push(Evidence::new("DT_NEEDED", escape(library), "").at(file.clone()));
        }
        evidence
    }
}

/// What a name in a directory of programs leads to, if that can be executed.
pub(crate) fn target(context: &Context<'_>, entry: Entry<'_>) -> Result<Option<EntryId>, ResolveError> {
    let resolved = match context.index.resolve_from(context.index.parent(entry.id), entry.name) {
        Ok(id) => id,
        Err(ResolveError::NotFound | ResolveError::NotADirectory) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = context.index.entry(resolved).metadata;
    Ok((metadata.kind == FileKind::File && metadata.is_executable()).then_some(resolved))
}

/// One unknown finding for the executable files of which nobody knows what they are.
pub(crate) fn unjudged(context: &Context<'_>) -> Option<Finding> {
    let first = context.unjudged.first()?;
    let count = context.unjudged.len();
    let reason = format!("{count} executable files could not be read, such as: {}", first.message);
    let cause = first.cause.unwrap_or(Cause::Unreadable);
    Some(Finding::unknown(cause, first.location.clone(), "not-read", reason))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use hardpan_image::{Index, MemoryTree};

    use super::*;
    use crate::Program;

    fn judge(tree: &MemoryTree, prepare: impl FnOnce(&mut Context<'_>)) -> Vec<Finding> {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let mut context = Context::new(&index);
        prepare(&mut context);
        findings(&context, Ban::Shell)
    }

    #[test]
    fn all_names_of_a_file_are_one_finding() {
        let tree = MemoryTree::new()
            .file("/usr/bin/dash", 0o755, "")
            .symlink("/usr/bin/sh", "/etc/alternatives/sh")
            .symlink("/etc/alternatives/sh", "/bin/dash")
            .symlink("/bin", "usr/bin");
        let findings = judge(&tree, |_| {});
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].evidence[0].seen, "/usr/bin/dash, /usr/bin/sh");
        assert_eq!(findings[0].message, "/usr/bin/dash is a shell (Almquist shell, sh), by its name");
    }

    #[test]
    fn hard_links_are_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join("bin").join(name);
        std::fs::create_dir(directory.path().join("bin")).unwrap();
        std::fs::write(path("mksh"), "").unwrap();
        std::fs::set_permissions(path("mksh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::hard_link(path("mksh"), path("sh")).unwrap();
        let tree = hardpan_image::DirTree::open(directory.path()).unwrap();
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let findings = findings(&Context::new(&index), Ban::Shell);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].evidence[0].seen, "/bin/mksh, /bin/sh");
    }

    #[test]
    fn names_that_cannot_run_are_none() {
        let tree = MemoryTree::new()
            .file("/usr/bin/bash", 0o644, "")
            .symlink("/usr/bin/sh", "gone")
            .directory("/usr/bin/zsh", 0o755)
            .file("/usr/share/doc/bash", 0o755, "");
        assert!(judge(&tree, |_| {}).is_empty());
    }

    #[test]
    fn a_renamed_shell_is_told_by_its_content_and_a_loader_by_its_libraries() {
        let tree = MemoryTree::new().file("/usr/bin/agent", 0o755, "BASH_VERSINFO BASH_ARGV").file(
            "/usr/bin/b",
            0o755,
            "",
        );
        let findings = judge(&tree, |context| {
            let ids =
                ["/usr/bin/agent", "/usr/bin/b"].map(|path| context.index.lookup(path.as_bytes()).unwrap());
            context.programs = ids.map(Program::new).to_vec();
            crate::content::search(context.index, &mut context.programs);
        });
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].message, "/usr/bin/agent contains a shell (bash), by its content");
        assert_eq!(findings[0].evidence[0].location, Some(Location::offset("/usr/bin/agent", 0)));
    }

    #[test]
    fn programs_that_were_not_searched_are_unknown() {
        let tree = MemoryTree::new().file("/usr/bin/agent", 0o755, "");
        let findings = judge(&tree, |context| {
            let id = context.index.lookup(b"/usr/bin/agent").unwrap();
            context.programs = vec![Program::new(id)];
        });
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].cause, Some(Cause::NoFacts));
    }

    #[test]
    fn a_shell_of_a_name_that_leads_where_nothing_was_read_is_unknown() {
        let tree =
            MemoryTree::new().symlink("/bin/sh", "/opt/sh").directory("/opt", 0o755).unreadable("/opt");
        let findings = judge(&tree, |_| {});
        assert_eq!(findings[0].cause, Some(Cause::Unreadable));
    }
}
