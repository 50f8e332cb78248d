//! The facts that rules are judged on.

use std::borrow::Cow;

use hardpan_checksec::cause_of;
use hardpan_image::{EntryId, FileKind, Index};
use hardpan_lockdown::{Host, KernelFacts, Mount, Reading};
use hardpan_report::{Cause, Evidence, Finding, Language, Location, Verdict, escape};

use crate::content::Content;

/// Everything that rules may look at.
pub struct Context<'a> {
    /// The tree.
    pub index: &'a Index<'a>,
    /// The running host, when its state may be used: the subject is `/`, or `--live` was said.
    pub host: Option<&'a Host>,
    /// What is mounted on the running host.
    pub mounts: Option<Reading<Vec<Mount>>>,
    /// ELF programs and libraries, by path.
    pub programs: Vec<Program>,
    /// Executable files that begin with `#!`, by path.
    pub scripts: Vec<Script>,
    /// The kernel's state, or what the tree's files would make it: command lines, sysctls, build configuration.
    pub kernel: KernelFacts<'a>,
    /// Executable files whose first bytes could not be read, so that nobody knows whether they are programs, scripts or
    /// neither.
    pub unjudged: Vec<Finding>,
    /// The extended attributes that rules care about.
    pub attributes: Attributes,
    /// What the policy allows.
    pub parameters: Parameters,
}

/// Extended attributes of the whole tree.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// Files with `security.capability`, and its value, by path.
    pub capabilities: Vec<(EntryId, Vec<u8>)>,
    /// How many entries have `security.selinux`.
    pub labelled: u64,
    /// How many have not.
    pub unlabelled: u64,
    /// Whether any entry has any attribute. An archive without one was most likely written without them.
    pub any: bool,
    /// The first few that have not, by path.
    pub unlabelled_examples: Vec<EntryId>,
    /// Entries whose attributes could not be read.
    pub unread: Vec<Finding>,
}

/// An ELF program or shared object.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its entry.
    pub id: EntryId,
    /// Whether it can be executed by itself: it has an entry for the kernel, and is no shared object.
    pub is_program: bool,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<Vec<u8>>,
    /// Its language.
    pub language: Language,
    /// How the language was told.
    pub told_by: Cow<'static, str>,
    /// What its bytes hold; [`crate::content::search`] fills it in.
    pub content: Content,
}

impl Program {
    /// A program of which nothing but its place is known yet.
    pub fn new(id: EntryId) -> Self {
        Self {
            id,
            is_program: true,
            needed: Vec::new(),
            language: Language::Unknown,
            told_by: Cow::Borrowed(""),
            content: Content::NotSearched,
        }
    }
}

/// A file that the kernel runs through an interpreter.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its entry.
    pub id: EntryId,
    /// The interpreter as written after `#!`.
    pub interpreter: Vec<u8>,
    /// What follows it on the line, trimmed.
    pub argument: Vec<u8>,
}

/// What the policy allows; the defaults are those of a minimal container host.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Set-id files and files with capabilities that are expected, by path.
    pub privileged_files: Vec<Vec<u8>>,
    /// How many services may be enabled.
    pub max_services: usize,
    /// The least share of programs in memory-safe languages, in percent.
    pub min_memory_safe_percent: u32,
    /// The day that expiry dates are held against, `YYYY-MM-DD`.
    pub today: String,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            privileged_files: Vec::new(),
            max_services: 40,
            min_memory_safe_percent: 50,
            today: "1970-01-01".into(),
        }
    }
}

impl<'a> Context<'a> {
    /// A context without programs, scripts or a host; `gather` fills them in.
    pub fn new(index: &'a Index<'a>) -> Self {
        Self {
            index,
            host: None,
            mounts: None,
            programs: Vec::new(),
            scripts: Vec::new(),
            kernel: KernelFacts::default(),
            unjudged: Vec::new(),
            attributes: Attributes::default(),
            parameters: Parameters::default(),
        }
    }

    /// A verdict for "there is no such thing anywhere in the tree": the findings if there are any; a pass with its proof
    /// if the whole tree was read; otherwise unknown, naming what was not read.
    pub fn absence(&self, summary: impl Into<String>, findings: Vec<Finding>) -> Verdict {
        self.absence_below(b"/", summary, findings)
    }

    /// [`Context::absence`] for a part of the tree.
    pub fn absence_below(
        &self,
        path: &[u8],
        summary: impl Into<String>,
        mut findings: Vec<Finding>,
    ) -> Verdict {
        findings.extend(self.blindness(path));
        Verdict::of(summary, findings, vec![self.absence_proof()])
    }

    /// One unknown finding if entries at or below `path` may have been missed. The single places are in the report's
    /// coverage; repeating them in each rule would bury the rest.
    pub fn blindness(&self, path: &[u8]) -> Option<Finding> {
        let mut blind = self.index.blind_spots(path);
        let Some(first) = blind.next() else { return self.not_entered(path) };
        let more = blind.count();
        let place = if first.path.is_empty() { "the tree".into() } else { escape(&first.path) };
        let reason = match more {
            0 => format!(
                "{place} was not read in full ({}), so nothing can be said to be absent",
                first.reason
            ),
            1 => {
                format!("{place} and 1 more place were not read in full, so nothing can be said to be absent")
            }
            _ => format!(
                "{place} and {more} more places were not read in full, so nothing can be said to be absent"
            ),
        };
        Some(Finding::unknown(cause_of(first.fault), None, "not-read", reason))
    }

    /// One unknown finding if a mount that was not entered may hold what is looked for at or below `path`. For the whole
    /// tree only those in the system's own directories count: what is mounted at `/mnt` is not the host's.
    fn not_entered(&self, path: &[u8]) -> Option<Finding> {
        let is_below = |path: &[u8], above: &[u8]| {
            let rest = path.strip_prefix(above.strip_suffix(b"/").unwrap_or(above));
            rest.is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
        };
        let concerns = |skipped: &[u8]| match path {
            b"/" => SYSTEM.iter().any(|system| is_below(skipped, system.as_bytes())),
            path => is_below(skipped, path) || is_below(path, skipped),
        };
        let mut skipped = self.index.not_entered().iter().filter(|skipped| skipped.hides_files);
        let skipped = skipped.find(|skipped| concerns(&skipped.path))?;
        let reason =
            format!("{} was not entered: {}", escape(&skipped.path), escape(skipped.reason.as_bytes()));
        Some(Finding::unknown(Cause::NoFacts, Some(Location::file(skipped.path.clone())), "not-read", reason))
    }

    /// What was enumerated.
    pub fn absence_proof(&self) -> Evidence {
        let entries = self.index.len();
        let skipped = self.index.not_entered().len();
        // A rule that looks at a part of the tree may pass although another part was not read.
        let unread = self.index.blind_spots(b"/").count();
        let exceptions: Vec<String> =
            [(skipped, "mount", " of other file systems"), (unread, "place", " that could not be read")]
                .into_iter()
                .filter(|(count, ..)| *count > 0)
                .map(|(count, one, what)| format!("{count} {one}{}{what}", if count == 1 { "" } else { "s" }))
                .collect();
        let but = if exceptions.is_empty() { "" } else { " but " };
        let seen = format!("{entries} entries, every directory read{but}{}", exceptions.join(" and "));
        Evidence::new("tree enumerated", seen, "")
    }

    /// Where an entry is, for findings.
    pub fn location(&self, id: EntryId) -> Location {
        Location::file(self.index.path(id))
    }

    /// Regular files with an execute bit.
    pub fn executables(&self) -> impl Iterator<Item = hardpan_image::Entry<'_>> {
        self.index
            .entries()
            .filter(|entry| entry.metadata.kind == FileKind::File && entry.metadata.is_executable())
    }

    /// The program at an entry, if it is one.
    pub fn program(&self, id: EntryId) -> Option<&Program> {
        self.programs.iter().find(|program| program.id == id)
    }
}

/// Where the system itself lies.
const SYSTEM: [&str; 11] =
    ["/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot", "/efi", "/opt"];

#[cfg(test)]
mod tests {
    use hardpan_image::{
        DirEntry, Error, FileKind, Listing, MemoryTree, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr,
    };
    use hardpan_report::Outcome;

    use super::*;

    /// A tree in which the second directory of the root is a mount that is not entered.
    struct Mounted(MemoryTree, &'static [u8]);

    impl Tree for Mounted {
        fn kind(&self) -> TreeKind {
            self.0.kind()
        }
        fn root(&self) -> NodeId {
            self.0.root()
        }
        fn metadata(&self, node: NodeId) -> Result<Metadata, Error> {
            self.0.metadata(node)
        }
        fn read_dir(&self, directory: NodeId) -> Result<Listing, Error> {
            let Listing::Entries(entries) = self.0.read_dir(self.root())? else { panic!("not entered") };
            let is_mount = |entry: &DirEntry| entry.node == directory && &*entry.name == self.1;
            if entries.iter().any(is_mount) {
                return Ok(Listing::NotEntered { reason: "mount of nfs".into(), hides_files: true });
            }
            self.0.read_dir(directory)
        }
        fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error> {
            self.0.read_link(symlink)
        }
        fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error> {
            self.0.xattrs(node)
        }
        fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error> {
            self.0.open(file)
        }
        fn anomalies(&self) -> Vec<hardpan_image::Anomaly> {
            self.0.anomalies()
        }
    }

    fn absence(mount: &'static [u8], below: &[u8]) -> Outcome {
        let tree = MemoryTree::new().directory("/usr", 0o755).directory("/mnt", 0o755);
        let tree = Mounted(tree, mount);
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        assert_eq!(index.entry(index.root()).metadata.kind, FileKind::Directory);
        Context::new(&index).absence_below(below, "nothing", Vec::new()).outcome()
    }

    #[test]
    fn places_are_counted_in_the_right_number() {
        let reason = |places: &[&str]| {
            let tree = places
                .iter()
                .fold(MemoryTree::new(), |tree, place| tree.directory(place, 0o755).unreadable(place));
            let index = Index::build(&tree, &|_| true).unwrap().unwrap();
            let context = Context::new(&index);
            (context.blindness(b"/").unwrap().message, context.absence_proof().seen)
        };
        let (one, proof) = reason(&["/a"]);
        assert!(one.starts_with("/a was not read in full ("), "{one}");
        assert!(proof.ends_with("every directory read but 1 place that could not be read"), "{proof}");
        let (two, proof) = reason(&["/a", "/b"]);
        assert!(two.starts_with("/a and 1 more place were not read in full,"), "{two}");
        assert!(proof.ends_with("but 2 places that could not be read"), "{proof}");
        let (three, _) = reason(&["/a", "/b", "/c"]);
        assert!(three.starts_with("/a and 2 more places were not read in full,"), "{three}");
    }

    #[test]
    fn nothing_is_absent_from_a_mount_that_was_not_entered() {
        assert_eq!(absence(b"usr", b"/"), Outcome::Unknown);
        assert_eq!(absence(b"usr", b"/usr/lib/modules"), Outcome::Unknown);
        assert_eq!(absence(b"usr", b"/etc"), Outcome::Pass);
        assert_eq!(absence(b"mnt", b"/"), Outcome::Pass);
        assert_eq!(absence(b"mnt", b"/mnt/x"), Outcome::Unknown);
    }
}
