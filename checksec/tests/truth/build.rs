//! Building the binaries of the table, once for each version of the compilers.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use rayon::iter::Either;
use rayon::prelude::*;

use super::sources::SOURCES;
use super::table::{Binary, VARIABLES};
use crate::support::missing_peers;

/// The content of the binaries by name; those whose tools are missing are left out if that is allowed.
pub(crate) fn build(table: &[Binary]) -> BTreeMap<&'static str, Vec<u8>> {
    let tools: BTreeSet<&str> = table.iter().flat_map(|binary| tools(binary.how)).collect();
    let tools: Vec<&str> = tools.into_iter().collect();
    let missing = missing_peers("truth", &tools);
    let versions = versions(tools.iter().filter(|tool| !missing.contains(tool)).copied());
    let cache = Cache::new();
    let wanted: Vec<&Binary> = table.iter().filter(|binary| tools_are_there(binary.how, &missing)).collect();
    let built = wanted.par_iter().map(|binary| (binary.name, cache.get(binary, &versions)));
    let (built, failed): (Vec<_>, Vec<_>) = built.partition_map(|(name, made)| match made {
        Ok(path) => Either::Left((name, path)),
        Err(reason) => Either::Right(format!("{name}: {reason}")),
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    cache.drop_others(&built.iter().map(|(_, path)| path.as_path()).collect());
    built.into_iter().map(|(name, path)| (name, std::fs::read(path).unwrap())).collect()
}

/// The programs that a line of the table runs.
pub(super) fn tools(how: &str) -> Vec<&str> {
    let is_program = |word: &&str| !word.contains('=') && !word.starts_with('-');
    how.split(';').filter_map(|command| command.split_whitespace().find(is_program)).collect()
}

fn tools_are_there(how: &str, missing: &[&str]) -> bool {
    !tools(how).iter().any(|tool| missing.contains(tool))
}

/// What each tool says of its version: a new compiler makes new binaries.
fn versions<'t>(tools: impl Iterator<Item = &'t str>) -> BTreeMap<&'t str, String> {
    let version = |tool: &str| {
        let argument = if tool == "go" { "version" } else { "--version" };
        let output = Command::new(tool).arg(argument).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    tools.map(|tool| (tool, version(tool))).collect()
}

/// `truth` in the target directory: the sources, the binaries, and Go's own cache.
struct Cache {
    root: PathBuf,
}

impl Cache {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("truth");
        for directory in ["src", "bin", "go", "work"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        for (name, text) in SOURCES {
            let path = root.join("src").join(name);
            // Another run may be compiling from it: it is left alone if it is what it should be.
            if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
                continue;
            }
            let new = tempfile::NamedTempFile::new_in(root.join("work")).unwrap();
            std::fs::write(new.path(), text).unwrap();
            new.persist(path).unwrap();
        }
        Self { root }
    }

    /// The binary, which is built unless it is there.
    fn get(&self, binary: &Binary, versions: &BTreeMap<&str, String>) -> Result<PathBuf, String> {
        let mut key = DefaultHasher::new();
        (binary.how, VARIABLES).hash(&mut key);
        SOURCES.iter().filter(|(name, _)| binary.how.contains(name)).for_each(|source| source.hash(&mut key));
        for tool in tools(binary.how) {
            versions[tool].hash(&mut key);
        }
        let path = self.root.join("bin").join(format!("{}.{:016x}", binary.name, key.finish()));
        if !path.exists() {
            self.make(binary.how, &path)?;
        }
        Ok(path)
    }

    /// Built in a directory of its own and renamed, so that an interrupted build leaves nothing behind.
    fn make(&self, how: &str, path: &Path) -> Result<(), String> {
        let work = tempfile::tempdir_in(self.root.join("work")).unwrap();
        let out = work.path().join("out");
        let mut command = Command::new("sh");
        command.args(["-ec", how]).current_dir(self.root.join("src"));
        command.env("o", &out).envs(VARIABLES.iter().copied());
        command.env("GOCACHE", self.root.join("go")).env("LC_ALL", "C");
        command.envs([("GO111MODULE", "off"), ("GOFLAGS", ""), ("GOPROXY", "off")]);
        let output = command.output().unwrap();
        if !output.status.success() {
            return Err(format!("{how}\n{}", String::from_utf8_lossy(&output.stderr)));
        }
        std::fs::rename(&out, path).map_err(|error| format!("{how}\n{error}"))
    }

    /// Binaries of an older table or compiler.
    fn drop_others(&self, wanted: &BTreeSet<&Path>) {
        for entry in std::fs::read_dir(self.root.join("bin")).unwrap() {
            let path = entry.unwrap().path();
            if !wanted.contains(path.as_path()) {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}
