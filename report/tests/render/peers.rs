//! Other people's programs, which say whether what we write is what we think it is.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a JSON instance is held against.
const VALIDATOR: &str = "
import json, sys
from jsonschema.validators import validator_for
schema = json.load(open(sys.argv[1]))
kind = validator_for(schema)
kind.check_schema(schema)
errors = list(kind(schema, format_checker=kind.FORMAT_CHECKER).iter_errors(json.load(sys.stdin)))
for error in errors:
    print(error.json_path, error.message[:300])
sys.exit(1 if errors else 0)
";

/// Whether a test can run: `Some` is handed on, and `None` fails the test with the peer's name, unless
/// `HARDPAN_WITHOUT_PEERS` asks for a listed skip.
pub(crate) fn require<T>(test: &str, peer: &str, found: Option<T>) -> Option<T> {
    if found.is_none() {
        let asked = env::var_os("HARDPAN_WITHOUT_PEERS").is_some();
        assert!(asked, "{test}: {peer} is missing (set HARDPAN_WITHOUT_PEERS to skip)");
        writeln!(std::io::stderr(), "skipped: {test}: {peer} missing").unwrap();
    }
    found
}

/// The first of these programs that is installed.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let candidates =
        || env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    candidates().find(|candidate| candidate.is_file())
}

/// A file that `xtask` has fetched below `target/peers`, or below `HARDPAN_PEERS`.
pub(crate) fn fetched(file: &str) -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    let folder = env::var_os("HARDPAN_PEERS").map_or_else(default, PathBuf::from);
    Some(folder.join(file)).filter(|path| path.is_file())
}

/// A Python that has the package `jsonschema`.
pub(crate) fn python_with_jsonschema() -> Option<PathBuf> {
    let python = program(&["python3"])?;
    let imports = Command::new(&python).args(["-c", "import jsonschema"]).output().unwrap();
    imports.status.success().then_some(python)
}

/// The objections that the schema has to the instance, one a line; empty if it is valid.
pub(crate) fn objections(python: &Path, schema: &Path, instance: &[u8]) -> String {
    let output = run(Command::new(python).args(["-c", VALIDATOR]).arg(schema), instance);
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
