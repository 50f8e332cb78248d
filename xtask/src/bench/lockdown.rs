//! `cargo xtask bench lockdown`: the check of kernels beside kernel-hardening-checker, on the same files, in turn; and every
//! verdict in which the two differ, with the reason.
//!
//! The peer is a program to compare with and nothing else: neither its rules nor its words are ours.

mod options;
mod peer;
mod reasons;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::measure::{Run, measure, median, spread};
use super::target;
use crate::lab::kernel_config;
use crate::shell::{Outcome, cargo, check, print, root, say};
use peer::Peer;

/// What both are given.
struct Inputs {
    config: PathBuf,
    cmdline: PathBuf,
    sysctl: PathBuf,
}

/// An option that both judge.
struct Pair {
    option: String,
    theirs: String,
    ours: String,
    rules: String,
    /// Why they differ; `None` where they agree.
    reason: Option<Result<String, String>>,
}

/// `cargo xtask bench lockdown [--runs N] [--json]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let runs = super::runs(args, 15)?;
    let json = args.iter().any(|arg| arg == "--json");
    check(cargo().args(["build", "--quiet", "--release", "--bin", "hardpan"]))?;
    let peer = Peer::find()?;
    let inputs = Inputs::make(&target().join("bench/lockdown"))?;
    let [theirs, ours] = [peer.command(&inputs), our_command(&inputs)];
    let (mut their_walls, mut our_walls, mut last) = (Vec::new(), Vec::new(), None);
    // The first round warms the page cache and is not counted.
    for round in 0..=runs {
        say(&format!("round {round}"));
        let [their, our] = [run_once(&theirs)?, run_once(&ours)?];
        if round > 0 {
            their_walls.push(their.wall.as_secs_f64() * 1000.0);
            our_walls.push(our.wall.as_secs_f64() * 1000.0);
        }
        last = Some((their.output, our.output));
    }
    let (their_output, our_output) = last.ok_or("there was no round")?;
    let pairs = compare(&their_output, &our_output)?;
    let factor = median(&their_walls) / median(&our_walls);
    print(&if json {
        as_json(&their_walls, &our_walls, &pairs)
    } else {
        as_table(&their_walls, &our_walls, factor, &pairs)
    });
    verdict(factor, &pairs)
}

/// Both exit with 0 whatever they find: ours is told to.
fn run_once(command: &[String]) -> Result<Run, String> {
    let run = measure(command, &[])?;
    if run.status.success() { Ok(run) } else { Err(format!("{} failed:\n{}", command[0], run.errors)) }
}

fn our_command(inputs: &Inputs) -> Vec<String> {
    let hardpan = target().join("release/hardpan").display().to_string();
    let mut words = vec![hardpan];
    words.extend(
        ["lockdown", "check", "--profile", "strict", "--fail-on", "none", "--format", "json"]
            .map(str::to_owned),
    );
    for (option, path) in
        [("--kconfig", &inputs.config), ("--cmdline", &inputs.cmdline), ("--sysctl", &inputs.sysctl)]
    {
        words.extend([option.to_owned(), path.display().to_string()]);
    }
    words
}

impl Inputs {
    /// The build configuration of Debian's cloud kernel, a command line that is hardened in part, and sysctls as its kernel has
    /// them after a boot without any configuration.
    fn make(place: &Path) -> Result<Self, String> {
        fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
        let write = |name: &str, text: &str| {
            let path = place.join(name);
            fs::write(&path, text)
                .map(|()| path.clone())
                .map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Self {
            config: write("config", &kernel_config("linux-image-cloud-amd64")?)?,
            cmdline: write("cmdline", include_str!("lockdown/cmdline.txt"))?,
            sysctl: write("sysctl", include_str!("lockdown/sysctl.txt"))?,
        })
    }
}

/// Every option that both judge.
fn compare(theirs: &str, ours: &str) -> Result<Vec<Pair>, String> {
    let reasons = reasons::read()?;
    let by_option = options::rules_by_option(&root().join("lockdown/rules"))?;
    let outcomes = options::outcomes(ours);
    let mut pairs = Vec::new();
    for (option, theirs) in peer::verdicts(theirs) {
        let Some(rules) = by_option.get(&option) else { continue };
        let ours = worst(rules, &outcomes);
        let agrees = (theirs == "OK" && ours == "pass") || (theirs == "FAIL" && ours == "fail");
        let reason = (!agrees).then(|| reasons.of(&option, &theirs, &ours));
        pairs.push(Pair { option, theirs, ours, rules: rules.join(" "), reason });
    }
    if pairs.is_empty() {
        return Err("the two have no option in common: has the output of one of them changed?".into());
    }
    Ok(pairs)
}

/// A rule that fails decides among several that are about an option.
fn worst(rules: &[String], outcomes: &BTreeMap<String, String>) -> String {
    let found: Vec<&str> = rules.iter().filter_map(|rule| outcomes.get(rule).map(String::as_str)).collect();
    let order = ["fail", "unknown", "partial", "pass", "not-applicable"];
    let worst = order.iter().find(|outcome| found.contains(outcome));
    worst.map_or_else(|| "not judged".to_owned(), ToString::to_string)
}

fn as_table(theirs: &[f64], ours: &[f64], factor: f64, pairs: &[Pair]) -> String {
    let differing: Vec<&Pair> = pairs.iter().filter(|pair| pair.reason.is_some()).collect();
    let mut table = format!(
        "wall in milliseconds: median (least to most)\n\n| | wall |\n|---|---|\n| kernel-hardening-checker | {} |\n\
         | hardpan lockdown check | {} |\n\nfaster by {factor:.1}; {} options judged by both, {} judged otherwise:\n\n\
         | option | kernel-hardening-checker | hardpan | rules | reason |\n|---|---|---|---|---|\n",
        spread(theirs, 1),
        spread(ours, 1),
        pairs.len(),
        differing.len()
    );
    for pair in differing {
        let reason = match &pair.reason {
            Some(Ok(reason)) => reason.as_str(),
            _ => "NO REASON IS KNOWN",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {reason} |",
            pair.option, pair.theirs, pair.ours, pair.rules
        );
    }
    table
}

fn as_json(theirs: &[f64], ours: &[f64], pairs: &[Pair]) -> String {
    let rows = pairs.iter().map(|pair| {
        let reason = match &pair.reason {
            Some(Ok(reason)) => format!("{reason:?}"),
            _ => "null".to_owned(),
        };
        format!(
            "{{\"option\":{:?},\"peer\":{:?},\"hardpan\":{:?},\"reason\":{reason}}}",
            pair.option, pair.theirs, pair.ours
        )
    });
    let rows: Vec<String> = rows.collect();
    format!("{{\"peer_ms\":{theirs:?},\"hardpan_ms\":{ours:?},\"options\":[{}]}}", rows.join(","))
}

/// A difference that nobody can give a reason for is a defect of one of the two.
fn verdict(factor: f64, pairs: &[Pair]) -> Outcome {
    let unexplained: Vec<String> =
        pairs.iter().filter_map(|pair| pair.reason.as_ref()?.as_ref().err().cloned()).collect();
    if !unexplained.is_empty() {
        return Err(format!(
            "{} differences without a reason in xtask/src/bench/lockdown/reasons.txt:\n{}",
            unexplained.len(),
            unexplained.join("\n")
        ));
    }
    if factor < FLOOR {
        return Err(format!("faster by {factor:.1} only; {FLOOR} is the floor"));
    }
    Ok(())
}

/// What is promised.
const FLOOR: f64 = 20.0;
