//! What the tests share: peers, compilers, and scans of directories made for one test.

use std::path::{Path, PathBuf};
use std::process::Command;

use hardpan_checksec::facts::{Directory, Environment};
use hardpan_checksec::{Elf, ElfError, ElfFacts, Scan, ScanOptions, scan};
use hardpan_image::{DirTree, Index};
use hardpan_report::{Judgement, Outcome};

/// Whether all programs are there. A missing one fails the test unless the environment says to go without peers.
pub(crate) fn has_peers(test: &str, peers: &[&str]) -> bool {
    missing_peers(test, peers).is_empty()
}

/// Which of the programs are not there, which fails the test unless the environment says to go without peers.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn missing_peers<'p>(test: &str, peers: &[&'p str]) -> Vec<&'p str> {
    let missing: Vec<_> = peers.iter().copied().filter(|peer| !is_installed(peer)).collect();
    if !missing.is_empty() {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "{test} needs {missing:?}");
        eprintln!("skipped: {test}: {missing:?} missing");
    }
    missing
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Runs a compiler or another tool and fails with its output if it fails.
pub(crate) fn run(program: &str, arguments: &[&str], directory: &Path) {
    let output = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}\n{errors}", arguments.join(" "));
}

/// A directory that is an image for one test.
pub(crate) struct Root {
    directory: tempfile::TempDir,
}

impl Root {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes a file, and the directories above it, at a path inside the image.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let file = self.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        file
    }

    pub(crate) fn scan(&self) -> Scan {
        scan_directory(self.path())
    }
}

pub(crate) fn scan_directory(path: &Path) -> Scan {
    let tree = DirTree::open(path).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    scan(&index, &ScanOptions { members: true, ..ScanOptions::default() }, &|_| true).unwrap()
}

pub(crate) fn find<'s>(scan: &'s Scan, path: &str) -> &'s Elf {
    scan.elves.iter().find(|elf| elf.path == path.as_bytes()).unwrap_or_else(|| panic!("no {path}"))
}

/// Surroundings in which every directory is sound.
pub(crate) struct Sound;

impl Environment for Sound {
    fn directory(&self, _: &[u8]) -> Directory {
        Directory::Sound
    }
}

/// The facts of a file in memory.
pub(crate) fn facts(bytes: &[u8]) -> Result<ElfFacts, ElfError> {
    let head = &bytes[..bytes.len().min(4096)];
    ElfFacts::read(&bytes.to_vec(), head, b"/bin/sample", &Sound)
}

/// An outcome and its label in one short word: `+full`, `%partial`, `?no sign`, `~DSO`.
pub(crate) fn short(judgement: &Judgement) -> String {
    let sign = match judgement.outcome {
        Outcome::Pass => '+',
        Outcome::Partial => '%',
        Outcome::Fail => '-',
        Outcome::Unknown => '?',
        Outcome::NotApplicable => '~',
    };
    format!("{sign}{}", judgement.label)
}

/// That Linux runs it is what the expectation rests on, so it is run.
pub(crate) fn assert_runs(name: &str, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let root = Root::new();
    let path = root.write("program", bytes);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..100 {
        match Command::new(&path).output() {
            // Another test's child may hold the file open for writing until it has started its own program.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            output => return assert!(output.unwrap().status.success(), "{name} does not run"),
        }
    }
    panic!("{name} stayed busy");
}

/// Places in a little-endian ELF64 file, to change it by hand.
pub(crate) struct Patch(pub(crate) Vec<u8>);

impl Patch {
    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.0[at..at + 2].try_into().unwrap())
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The offsets of the program headers of a type, in a file of either class.
    pub(crate) fn headers(&self, kind: u32) -> Vec<usize> {
        let (start, count, size) = if self.0[4] == 1 {
            (u64::from(self.u32(28)), self.u16(44), 32)
        } else {
            (self.u64(32), self.u16(56), 56)
        };
        let start = usize::try_from(start).unwrap();
        (0..usize::from(count)).map(|index| start + index * size).filter(|at| self.u32(*at) == kind).collect()
    }

    /// The offset of the dynamic entry with a tag.
    pub(crate) fn dynamic(&self, tag: u64) -> usize {
        self.find_dynamic(tag).unwrap()
    }

    /// The offset of the dynamic entry with a tag, if there is one.
    pub(crate) fn find_dynamic(&self, tag: u64) -> Option<usize> {
        let header = self.headers(2)[0];
        let start = usize::try_from(self.u64(header + 8)).unwrap();
        let count = usize::try_from(self.u64(header + 32)).unwrap() / 16;
        (0..count).map(|index| start + index * 16).find(|at| self.u64(*at) == tag)
    }

    /// Cuts the section headers off, as `sstrip` does.
    #[must_use]
    pub(crate) fn without_sections(mut self) -> Self {
        self.put(40, &[0; 8]);
        self.put(58, &[0; 6]);
        self
    }
}
