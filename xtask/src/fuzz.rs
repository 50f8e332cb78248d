//! `cargo xtask fuzz`: libFuzzer over every parser, on the stable compiler.
//!
//! The coverage instrumentation is LLVM's and needs no flag that only a nightly compiler takes. AddressSanitizer would, but
//! finds nothing where `unsafe` is forbidden; checked arithmetic and the properties of the targets find what there is.
//! `cargo fuzz run TARGET` works as well, where cargo-fuzz and a nightly compiler are.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::peers;
use crate::shell::{Outcome, check, root, say};

/// `cargo xtask fuzz [TARGET…] [--seconds N]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let seconds = args.iter().position(|arg| arg == "--seconds");
    let is_value = |at: usize| at > 0 && seconds == Some(at - 1);
    let seconds = seconds.map_or(Some(SMOKE), |at| args.get(at + 1)?.parse().ok());
    let seconds: u64 = seconds.ok_or("--seconds wants a number")?;
    let wanted: Vec<&String> = (0..args.len())
        .filter(|at| !args[*at].starts_with("--") && !is_value(*at))
        .map(|at| &args[at])
        .collect();
    let all = targets()?;
    peers::ensure(&[("g++", "g++", "libFuzzer, which is built from source")])?;
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        return Err(format!("no target {unknown}; there are: {}", all.join(", ")));
    }
    let chosen: Vec<String> =
        all.into_iter().filter(|name| wanted.is_empty() || wanted.contains(&name)).collect();
    build()?;
    let mut failed = Vec::new();
    let side_by_side = std::thread::available_parallelism().map_or(1, usize::from);
    for group in chosen.chunks(side_by_side) {
        let running: Result<Vec<(&String, Child)>, String> =
            group.iter().map(|name| Ok((name, start(name, seconds)?))).collect();
        for (name, mut child) in running? {
            let status = child.wait().map_err(|error| error.to_string())?;
            if !status.success() {
                say(&log_tail(name));
                failed.push(name.clone());
            }
            say(&format!("{name}: {}", if status.success() { "nothing found" } else { "FAILED" }));
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let place = directory().join("artifacts");
    Err(format!("found something: {}; the inputs are below {}", failed.join(", "), place.display()))
}

/// The names of all targets, sorted. Each is a program in `fuzz/fuzz_targets`, a module in `fuzz/src` and a `[[bin]]` in
/// `fuzz/Cargo.toml`: one that is forgotten in any of these places would never run, and nobody would know.
fn targets() -> Result<Vec<String>, String> {
    let place = root().join("fuzz");
    let manifest = std::fs::read_to_string(place.join("Cargo.toml")).map_err(|error| error.to_string())?;
    let (programs, mut modules) = (stems(&place.join("fuzz_targets"))?, stems(&place.join("src"))?);
    modules.retain(|name| name != "lib");
    agree(&[("fuzz_targets", &programs), ("src", &modules), ("[[bin]] of Cargo.toml", &bins(&manifest))])?;
    Ok(programs)
}

/// Fails unless all lists are the first.
fn agree(lists: &[(&str, &[String])]) -> Outcome {
    let [(first, wanted), rest @ ..] = lists else { return Ok(()) };
    for (place, names) in rest {
        let (missing, more) = (without(wanted, names), without(names, wanted));
        if !missing.is_empty() || !more.is_empty() {
            return Err(format!(
                "fuzz targets: {place} lacks [{missing}] and has [{more}] in excess of {first}"
            ));
        }
    }
    Ok(())
}

fn without(names: &[String], others: &[String]) -> String {
    let left: Vec<&str> = names.iter().filter(|name| !others.contains(name)).map(String::as_str).collect();
    left.join(", ")
}

/// The names of the Rust files of a directory, sorted.
fn stems(place: &Path) -> Result<Vec<String>, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", place.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(place).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

/// The names of programs in a manifest whose tables each begin with the name.
fn bins(manifest: &str) -> Vec<String> {
    let tables = manifest.split("[[bin]]").skip(1);
    let name =
        |table: &str| Some(table.trim_start().strip_prefix("name = \"")?.split_once('"')?.0.to_owned());
    let mut names: Vec<String> = tables.filter_map(name).collect();
    names.sort();
    names
}

fn build() -> Outcome {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root().join("fuzz")).env("RUSTFLAGS", FLAGS.join(" "));
    // With a target named, the flags do not reach build scripts and macros.
    cargo.args(["build", "--release", "--quiet", "--target", TRIPLE, "--target-dir"]).arg(directory());
    check(&mut cargo)
}

/// Starts a target, with what earlier runs found worth keeping and its first inputs.
fn start(name: &str, seconds: u64) -> Result<Child, String> {
    let program = directory().join(TRIPLE).join("release").join(name);
    let (corpus, artifacts) =
        (directory().join("corpus").join(name), directory().join("artifacts").join(name));
    std::fs::create_dir_all(&artifacts).map_err(|error| format!("{}: {error}", artifacts.display()))?;
    check(Command::new(&program).env("HARDPAN_FUZZ_SEEDS", &corpus).stderr(Stdio::null()))?;
    let log = std::fs::File::create(log(name)).map_err(|error| error.to_string())?;
    let mut command = Command::new(&program);
    command
        .arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        // An input of a few kilobytes that takes seconds or hundreds of mebibytes is a finding.
        .args(["-timeout=10", "-rss_limit_mb=512", "-print_final_stats=1"])
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().map_err(|error| format!("{}: {error}", program.display()))
}

fn log_tail(name: &str) -> String {
    let bytes = std::fs::read(log(name)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn log(name: &str) -> PathBuf {
    directory().join(Path::new(name).with_extension("log"))
}

fn directory() -> PathBuf {
    root().join("target/fuzz")
}

/// Seconds for each target in a smoke run.
const SMOKE: u64 = 10;
const TRIPLE: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };
/// What libFuzzer wants of a program, by the names of LLVM's pass.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Ccodegen-units=1",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_program_and_is_built() {
        let targets = targets().unwrap();
        assert!(targets.len() > 10, "{targets:?}");
    }

    #[test]
    fn a_target_that_is_forgotten_somewhere_is_named() {
        let manifest = "[package]\nname = \"x\"\n[[bin]]\nname = \"b\"\n\n[[bin]]\nname = \"a\"\n";
        let all = ["a", "b"].map(str::to_owned);
        assert_eq!(bins(manifest), all);
        assert_eq!(agree(&[("programs", &all), ("bins", &all)]), Ok(()));
        for (programs, bins, says) in [(&all[..], &all[..1], "lacks [b]"), (&all[..1], &all[..], "has [b]")] {
            let error = agree(&[("programs", programs), ("bins", bins)]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
