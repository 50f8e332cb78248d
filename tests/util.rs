//! What the tests share: fresh directories, the command, and its reports.

pub(crate) mod elf;
pub(crate) mod report;
pub(crate) mod root;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use report::Report;

/// A fresh directory in which commands run.
pub(crate) struct Dir(TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A directory that other users may look into.
    pub(crate) fn for_everybody() -> Self {
        let dir = Self::new();
        chmod(dir.root(), 0o755);
        dir
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.root().join(name.as_ref())
    }

    /// Writes a file, and makes the directories that it is in.
    pub(crate) fn write(&self, name: impl AsRef<OsStr>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a file that may be executed.
    pub(crate) fn write_program(&self, name: impl AsRef<OsStr>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, bytes);
        chmod(&path, 0o755);
        path
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names(self.root())
    }

    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.root()).stdin(Stdio::null());
        command
    }

    /// Runs another program, which succeeds, and returns its standard output.
    pub(crate) fn tool(&self, program: &str, args: &[&str]) -> Vec<u8> {
        let output =
            self.command(program, args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{program} {args:?}: {output:?}");
        output.stdout
    }

    /// The command, without what the environment of the tests may say to it.
    pub(crate) fn hardpan(&self, args: &[&str]) -> Command {
        let mut command = self.command(HARDPAN, args);
        for variable in ["NO_COLOR", "SOURCE_DATE_EPOCH", "RAYON_NUM_THREADS"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs it. What it says is never that it panicked.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let output = self.hardpan(args).output().unwrap();
        assert_no_panic(&output);
        output
    }

    /// Runs it with success, and returns its standard output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it with this exit code, and returns its standard error.
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs it with `--format json`, and holds its exit code against the one that the report tells.
    pub(crate) fn report(&self, args: &[&str]) -> Report {
        Report::of(&self.run(&[args, &["--format=json"]].concat()))
    }
}

/// The command under test.
pub(crate) const HARDPAN: &str = env!("CARGO_BIN_EXE_hardpan");

pub(crate) fn assert_no_panic(output: &Output) {
    let code = output.status.code();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code != Some(101) && !said.contains("panicked"), "it panicked: {said}");
}

/// Both streams, for messages.
pub(crate) fn text(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream).into_owned());
    format!("{}: {}", output.status, streams.join("\n"))
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether the tests run as the superuser, who may read everything and make device nodes.
pub(crate) fn is_superuser() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The command as a user without privileges, whom permissions bind. The superuser's tests give it to `nobody`, and for
/// that a copy of the program where `nobody` can reach it: `dir` must be for everybody.
pub(crate) fn unprivileged(dir: &Dir, args: &[&str]) -> Command {
    if !is_superuser() {
        return dir.hardpan(args);
    }
    let copy = dir.path("hardpan-for-nobody");
    if !copy.exists() {
        // Not by ourselves: a process that another test starts meanwhile would have the copy open for writing, and what
        // is open for writing cannot be executed.
        dir.tool("cp", &[HARDPAN, copy.to_str().unwrap()]);
    }
    let copy = copy.into_os_string().into_string().unwrap();
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", &copy];
    dir.command("setpriv", &[&nobody, args].concat())
}

/// Whether a program is there and answers. Its absence fails, unless the environment says that peers may be missing.
#[expect(clippy::print_stderr, reason = "a skip is to be seen, and tests have no other channel")]
pub(crate) fn is_there(test: &str, program: &str, probe: &[&str]) -> bool {
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

/// Whether the running test has to do without one of these programs; [`is_there`] for many.
pub(crate) fn lacks(programs: &[&str]) -> bool {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Each is asked for its version, so that one that is there and broken counts as missing.
    !programs.iter().all(|program| is_there(&test, program, &["--version"]))
}

/// The ids of the rules that `checksec` judges single files by.
pub(crate) fn rules_on_executables() -> Vec<String> {
    let rules: serde_json::Value = serde_json::from_str(&Dir::new().ok(&["rules", "--json"])).unwrap();
    let rules = rules.as_array().unwrap().iter();
    let of_executables = rules.filter(|rule| rule["pillar"] == "hardened-executables");
    of_executables.map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
}

/// A sequence of numbers that looks random and is the same in every run (xorshift64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next number under a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The upper half: the lower bits of a xorshift are the weaker ones.
        usize::try_from(self.0 >> 32).unwrap() % limit
    }
}
