//! `hardpan verity`.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests, some of which are skipped aloud")]

mod devices;
mod dump;
mod format;
mod verify;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const BLOCK: u64 = 4096;
const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";

/// A fresh directory in which commands run.
struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a file `data` of so many blocks, no two alike.
    fn with_data(blocks: u64) -> Self {
        let dir = Self::new();
        let block = |number: u64| number.to_le_bytes().repeat(512);
        let bytes: Vec<u8> = (1..=blocks).flat_map(block).collect();
        fs::write(dir.path("data"), bytes).unwrap();
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn hardpan(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_hardpan"), &[&["verity"], args].concat()).output().unwrap()
    }

    /// Runs a command that succeeds, and returns its output.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.hardpan(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that fails with this code, and returns what it says about it.
    fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.hardpan(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The output of veritysetup, and whether it succeeded.
    fn veritysetup(&self, args: &[&str]) -> (bool, String) {
        let output = self.command("veritysetup", args).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    fn flip(&self, name: &str, offset: u64) {
        let mut file = File::options().read(true).write(true).open(self.path(name)).unwrap();
        let mut byte = [0];
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.read_exact(&mut byte).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&[byte[0] ^ 1]).unwrap();
    }

    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn root_hash(output: &str) -> String {
    output.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim().to_owned()
}

/// Whether a program is there. Its absence fails, unless the environment says that peers may be missing.
fn is_there(test: &str, program: &str, probe: &[&str]) -> bool {
    let there = Command::new(program).args(probe).output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(
            std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
            "{program} is missing or does not work here"
        );
        eprintln!("skipped: {test}: {program} missing");
    }
    there
}
