//! `hardpan verity`.

mod append;
mod boot;
mod devices;
mod digest;
mod dump;
mod fec;
mod format;
mod front;
mod hard_cases;
mod known;
mod manifest;
mod mappings;
mod matrix;
mod plan;
mod sign;
mod signed_params;
mod verify;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::util;

const BLOCK: u64 = 4096;
const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";

/// A fresh directory in which `hardpan verity` runs.
struct Dir(util::Dir);

impl Dir {
    fn new() -> Self {
        Self(util::Dir::new())
    }

    /// With a file `data` of so many blocks, no two alike.
    fn with_data(blocks: u64) -> Self {
        let block = |number: u64| number.to_le_bytes().repeat(512);
        Self::with_bytes((1..=blocks).flat_map(block).collect())
    }

    /// With a file `data` of these bytes.
    fn with_bytes(bytes: Vec<u8>) -> Self {
        let dir = Self::new();
        fs::write(dir.path("data"), bytes).unwrap();
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        self.0.command(program, args)
    }

    fn hardpan(&self, args: &[&str]) -> Output {
        self.0.run(&[&["verity"], args].concat())
    }

    /// Runs a command that succeeds, and returns its output.
    fn ok(&self, args: &[&str]) -> String {
        self.0.ok(&[&["verity"], args].concat())
    }

    /// Runs a command that fails with this code, and returns what it says about it.
    fn fails(&self, code: i32, args: &[&str]) -> String {
        self.0.fails(code, &[&["verity"], args].concat())
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
        self.0.names()
    }
}

fn root_hash(output: &str) -> String {
    output.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim().to_owned()
}
