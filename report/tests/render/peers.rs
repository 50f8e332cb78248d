//! Other people's programs, which say whether what we write is what we think it is.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The Debian packages behind [`python_with_jsonschema`].
pub(crate) const VALIDATOR: &str = "python3-jsonschema with python3-rfc3987";

/// What a JSON instance is held against. All formats are checked: the SARIF schema says it is of draft 4, and uses one
/// of draft 6.
const PROGRAM: &str = "
import json, sys
from jsonschema import FormatChecker
from jsonschema.validators import validator_for
schema = json.load(open(sys.argv[1]))
kind = validator_for(schema)
kind.check_schema(schema)
errors = list(kind(schema, format_checker=FormatChecker()).iter_errors(json.load(sys.stdin)))
for error in errors:
    print(error.json_path, error.message[:300])
sys.exit(1 if errors else 0)
";

/// Whether a test can run: `Some` is handed on, and `None` fails the test with the peer's name, unless
/// `HARDPAN_WITHOUT_PEERS` asks for a listed skip.
#[expect(clippy::print_stderr, reason = "a skip is to be seen, and tests have no other channel")]
pub(crate) fn require<T>(test: &str, peer: &str, found: Option<T>) -> Option<T> {
    if found.is_none() {
        let asked = env::var_os("HARDPAN_WITHOUT_PEERS").is_some();
        assert!(asked, "{test}: {peer} is missing (set HARDPAN_WITHOUT_PEERS to skip)");
        eprintln!("skipped: {test}: {peer} missing");
    }
    found
}

/// The first of these programs that is installed.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| programs(name).into_iter().next())
}

fn programs(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).filter(|file| file.is_file()).collect()
}

/// A file that `xtask` has fetched below `target/peers`, or below `HARDPAN_PEERS`.
pub(crate) fn fetched(file: &str) -> Option<PathBuf> {
    // This file is also a module of the tests at the root of the workspace.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if package.join("xtask").is_dir() { package } else { package.parent().unwrap() };
    let default = || root.join("target/peers");
    let folder = env::var_os("HARDPAN_PEERS").map_or_else(default, PathBuf::from);
    Some(folder.join(file)).filter(|path| path.is_file())
}

/// A Python that has the package `jsonschema`, and `rfc3987`, without which that checks no URIs. There may be several
/// Pythons, of which only the system's has the system's packages.
pub(crate) fn python_with_jsonschema() -> Option<PathBuf> {
    let imports = |python: &PathBuf| {
        let output = Command::new(python).args(["-c", "import jsonschema, rfc3987"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    programs("python3").into_iter().find(imports)
}

/// The objections that the schema has to the instance, one a line; empty if it is valid.
pub(crate) fn objections(python: &Path, schema: &Path, instance: &[u8]) -> String {
    let output = run(Command::new(python).args(["-c", PROGRAM]).arg(schema), instance);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.is_empty(), "the validator itself failed: {errors}");
    assert_eq!(output.status.success(), text.is_empty());
    text
}

/// Runs a command with this on its standard input.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}
