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
    let (mut their_times, mut our_times, mut last) = (Times::default(), Times::default(), None);
    // The first round warms the page cache and is not counted.
    for round in 0..=runs {
        say(&format!("round {round}"));
        let their = several(&theirs, &mut their_times, round > 0)?;
        let our = several(&ours, &mut our_times, round > 0)?;
        last = Some((their, our));
    }
    let (their_output, our_output) = last.ok_or("there was no round")?;
    let pairs = compare(&their_output, &our_output)?;
    let of = |times: fn(&Times) -> &Vec<f64>| median(times(&their_times)) / median(times(&our_times));
    let factors = [of(|times| &times.cpu), of(|times| &times.wall)];
    print(&if json {
        as_json(&their_times, &our_times, &pairs)
    } else {
        as_table(&their_times, &our_times, factors, &pairs)
    });
    verdict(factors, &pairs)
}

/// Milliseconds of one run, by round.
#[derive(Default)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// Processor time is counted in hundredths of a second, of which a run takes less than one: a round is the mean of several.
fn several(command: &[String], times: &mut Times, counts: bool) -> Result<String, String> {
    let (mut wall, mut cpu, mut output) = (0.0, 0.0, String::new());
    for _ in 0..A_ROUND {
        let run = run_once(command)?;
        wall += run.wall.as_secs_f64() * 1000.0;
        cpu += run.cpu * 1000.0;
        output = run.output;
    }
    if counts {
        times.wall.push(wall / f64::from(A_ROUND));
        times.cpu.push(cpu / f64::from(A_ROUND));
    }
    Ok(output)
}

/// Runs of each in a round.
const A_ROUND: u32 = 20;

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
    let key = |pair: &Pair| (pair.option.clone(), pair.theirs.clone(), pair.ours.clone());
    let unused =
        reasons.unused(&pairs.iter().filter(|pair| pair.reason.is_some()).map(key).collect::<Vec<_>>());
    if !unused.is_empty() {
        return Err(format!("reasons.txt has reasons for what does not differ: {}", unused.join(", ")));
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

fn as_table(theirs: &Times, ours: &Times, [cpu, wall]: [f64; 2], pairs: &[Pair]) -> String {
    let differing: Vec<&Pair> = pairs.iter().filter(|pair| pair.reason.is_some()).collect();
    let mut table = format!(
        "milliseconds of a run, median of {} rounds of {A_ROUND} runs (least to most)\n\n| | CPU | wall |\n|---|---|---|\n\
         | kernel-hardening-checker | {} | {} |\n| hardpan lockdown check | {} | {} |\n\n\
         faster by {cpu:.1} (CPU) and {wall:.1} (wall); {} options judged by both, {} judged otherwise:\n\n\
         | option | kernel-hardening-checker | hardpan | rules | reason |\n|---|---|---|---|---|\n",
        theirs.cpu.len(),
        spread(&theirs.cpu, 1),
        spread(&theirs.wall, 1),
        spread(&ours.cpu, 1),
        spread(&ours.wall, 1),
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

fn as_json(theirs: &Times, ours: &Times, pairs: &[Pair]) -> String {
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
    let of = |times: &Times| format!("{{\"cpu_ms\":{:?},\"wall_ms\":{:?}}}", times.cpu, times.wall);
    format!("{{\"peer\":{},\"hardpan\":{},\"options\":[{}]}}", of(theirs), of(ours), rows.join(","))
}

/// A difference that nobody can give a reason for is a defect of one of the two.
fn verdict([cpu, wall]: [f64; 2], pairs: &[Pair]) -> Outcome {
    let unexplained: Vec<String> =
        pairs.iter().filter_map(|pair| pair.reason.as_ref()?.as_ref().err().cloned()).collect();
    if !unexplained.is_empty() {
        return Err(format!(
            "{} differences without a reason in xtask/src/bench/lockdown/reasons.txt:\n{}",
            unexplained.len(),
            unexplained.join("\n")
        ));
    }
    if cpu.min(wall) < FLOOR {
        return Err(format!("faster by {cpu:.1} (CPU) and {wall:.1} (wall) only; {FLOOR} is the floor"));
    }
    Ok(())
}

/// What is promised.
const FLOOR: f64 = 20.0;
