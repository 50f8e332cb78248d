//! `cargo xtask bench`: Hardpan and its peers in turn, in one run, on the same input.

mod audit;
mod checksec;
mod lockdown;
mod measure;
mod policy;
mod verity;

use std::path::PathBuf;

use crate::lab;
use crate::shell::{Outcome, root};

/// `cargo xtask bench audit …`, `boot …`, `checksec …`, `lockdown …`, `policy …` and `verity …`.
pub(crate) fn run(args: &[String]) -> Outcome {
    match args.split_first() {
        Some((what, rest)) if what == "audit" => audit::run(rest),
        Some((what, rest)) if what == "boot" => {
            lab::boot::measure::run(runs(rest, 5)?, rest.iter().any(|arg| arg == "--json"))
        }
        Some((what, rest)) if what == "checksec" => checksec::run(rest),
        Some((what, rest)) if what == "lockdown" => lockdown::run(rest),
        Some((what, rest)) if what == "policy" => policy::run(rest),
        Some((what, rest)) if what == "verity" => verity::run(rest),
        _ => Err("there are six benches: `cargo xtask bench audit [DIR] [--runs N] [--json]`, \
                  `cargo xtask bench boot [--runs N] [--json]`, \
                  `cargo xtask bench checksec [DIR] [--runs N] [--json]`, \
                  `cargo xtask bench lockdown [--runs N] [--json]`, \
                  `cargo xtask bench policy [--runs N] [--json]` and `cargo xtask bench verity [--runs N] [--json] [--quick] [--keep]`"
            .into()),
    }
}

/// The number after `--runs`.
fn runs(args: &[String], default: usize) -> Result<usize, String> {
    let runs = args.iter().position(|arg| arg == "--runs").map(|at| args.get(at + 1));
    let runs = runs.map(|runs| runs.and_then(|runs| runs.parse().ok()).filter(|runs| *runs > 0));
    runs.unwrap_or(Some(default)).ok_or_else(|| "--runs wants a number above 0".into())
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
