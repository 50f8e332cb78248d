//! The file system that a lab's machine boots from.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::artefacts::{output, read};
use super::cpio::Archive;
use super::kernel::Module;

/// An initramfs in the making.
#[derive(Default)]
pub(super) struct Initramfs {
    archive: Archive,
    present: BTreeSet<String>,
}

impl Initramfs {
    /// Adds a file and the directories above it. Names are relative to the root; a file that is there already stays.
    pub(super) fn file(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.parents(name);
        if self.present.insert(name.to_owned()) {
            self.archive.file(name, mode, content);
        }
    }

    /// Adds an empty directory and those above it.
    pub(super) fn directory(&mut self, name: &str) {
        self.parents(name);
        if self.present.insert(name.to_owned()) {
            self.archive.directory(name);
        }
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, name: &str, target: &str) {
        self.parents(name);
        if self.present.insert(name.to_owned()) {
            self.archive.link(name, target);
        }
    }

    /// Adds a program of the host as `bin/NAME`, with the shared libraries that it is linked to.
    pub(super) fn program(&mut self, program: &Path) -> Result<(), String> {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        self.file(&format!("bin/{name}"), 0o755, &read(program)?);
        for library in libraries(program) {
            self.file(library.trim_start_matches('/'), 0o755, &read(Path::new(&library))?);
        }
        Ok(())
    }

    /// Adds modules, and their names in the order in which they are loaded.
    pub(super) fn modules(&mut self, modules: &[Module]) {
        let mut names = String::new();
        for (name, content) in modules {
            self.file(&format!("modules/{name}.ko"), 0o644, content);
            names.push_str(name);
            names.push('\n');
        }
        self.file("modules/order", 0o644, names.as_bytes());
    }

    /// The archive, which the kernel takes without compression.
    pub(super) fn finish(self) -> Vec<u8> {
        self.archive.finish()
    }

    fn parents(&mut self, name: &str) {
        for (end, _) in name.match_indices('/') {
            let parent = &name[..end];
            if self.present.insert(parent.to_owned()) {
                self.archive.directory(parent);
            }
        }
    }
}

/// Paths of the shared libraries of a program, its loader among them; none of one that is linked statically.
fn libraries(program: &Path) -> Vec<String> {
    // ldd fails on static programs, and says so.
    let listed = output(Command::new("ldd").arg(program)).unwrap_or_default();
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned);
    listed.lines().filter_map(path).collect()
}
