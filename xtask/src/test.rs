//! `cargo xtask test`: everything.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::peers;
use crate::shell::{Outcome, cargo, print, say};

/// Installs the peers, runs every test of the workspace, and lists what was skipped.
pub(crate) fn run(args: &[String]) -> Outcome {
    let without_peers = args.iter().any(|arg| arg == "--without-peers");
    let filters: Vec<&String> = args.iter().filter(|arg| *arg != "--without-peers").collect();
    if !without_peers {
        peers::install()?;
    }
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).args(filters);
    if without_peers {
        // The tests say what they skip on standard error, which the harness shows of failed tests only unless asked.
        command.args(["--", "--show-output"]).env("HARDPAN_WITHOUT_PEERS", "1");
    } else {
        command.env_remove("HARDPAN_WITHOUT_PEERS");
    }
    say("$ cargo test --workspace");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    let mut skipped = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.starts_with("skipped: ") {
                skipped.push(line.clone());
            }
            print(&line);
        }
    }
    let status = child.wait().map_err(|error| format!("cargo was lost: {error}"))?;
    report(&mut skipped);
    if status.success() { Ok(()) } else { Err("there are failed tests".into()) }
}

fn report(skipped: &mut Vec<String>) {
    skipped.sort();
    skipped.dedup();
    if skipped.is_empty() {
        return;
    }
    print(&format!("\n{} checks were skipped, since their reference tool is missing:", skipped.len()));
    for line in skipped {
        print(&format!("  {line}"));
    }
}
