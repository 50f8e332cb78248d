//! The policy's files, and secilc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::peers::has;

/// Names and texts of the policy's files, in the order of their names.
pub(crate) fn policy_files() -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cil"));
    files.sort();
    let named = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
    };
    let files: Vec<_> = files.into_iter().map(named).collect();
    assert!(files.len() > 10, "{files:?}");
    files
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policy")
}

/// secilc, and a directory for what it writes.
pub(crate) struct Secilc {
    place: TempDir,
}

/// What secilc did.
pub(crate) struct Compiled {
    pub(crate) succeeded: bool,
    /// On both outputs.
    pub(crate) said: String,
}

impl Secilc {
    /// `None` where it is not there and need not be.
    pub(crate) fn required(test: &str) -> Option<Self> {
        has(test, "secilc").then(|| Self { place: tempfile::tempdir().unwrap() })
    }

    /// Compiles the policy with a further file of this text.
    pub(crate) fn compile(&self, more: &str, options: &[&str]) -> Compiled {
        let extra = self.place.path().join("extra.cil");
        fs::write(&extra, more).unwrap();
        let files = policy_files().into_iter().map(|(name, _)| directory().join(name));
        let mut command = Command::new("secilc");
        command.args(options).args(["-o", "policy", "-f", "contexts"]).args(files).arg(extra);
        let output = command.current_dir(&self.place).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        Compiled { succeeded: output.status.success(), said: String::from_utf8(said).unwrap() }
    }

    /// The policy that the policy alone is compiled to.
    pub(crate) fn policy(&self) -> PathBuf {
        let compiled = self.compile("", &[]);
        assert!(compiled.succeeded, "{}", compiled.said);
        self.place.path().join("policy")
    }

    /// Its file contexts.
    pub(crate) fn contexts(&self) -> String {
        self.policy();
        fs::read_to_string(self.place.path().join("contexts")).unwrap()
    }

    /// The compiled policy as checkpolicy writes it.
    pub(crate) fn canonical(&self, test: &str) -> Option<String> {
        if !has(test, "checkpolicy") {
            return None;
        }
        let policy = self.policy();
        let mut command = Command::new("checkpolicy");
        let output = command.args(["-b", "-C", "-M", "-o", "/dev/stdout"]).arg(policy).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8(output.stdout).unwrap())
    }
}
