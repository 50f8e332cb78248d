//! Whether the reference programs are there.

use std::env;

/// Whether a program is there. Where it is not, the test fails, unless `HARDPAN_WITHOUT_PEERS` asks for a listed skip.
#[expect(clippy::print_stderr, reason = "a skip is to be seen, and tests have no other channel")]
pub(crate) fn has(test: &str, program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        let asked = env::var_os("HARDPAN_WITHOUT_PEERS").is_some();
        assert!(asked, "{test}: {program} is missing (set HARDPAN_WITHOUT_PEERS to skip)");
        eprintln!("skipped: {test}: {program} missing");
    }
    found
}
