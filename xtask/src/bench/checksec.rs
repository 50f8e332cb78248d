//! checksec on a tree, on a list of files and on a sample of them, beside the tools that judge the same properties.
//!
//! A peer that walks trees itself is given the tree. One that cannot is given the list of the ELF files, which spares it
//! the walk; those that take a second for a handful of files are given a sample. Hardpan is measured on each of the
//! three, so that every ratio is of one input.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::measure::{Run, measure, median, spread, to_f64};
use super::target;
use crate::peers;
use crate::shell::{Outcome, cargo, check, find, print, say};

/// Enough that start-up does not decide, few enough that the slowest peer ends within a minute.
const SAMPLE: usize = 60;
/// The peers of the package registries, pinned so that figures of different days compare.
const CRATES: [(&str, &str); 2] = [("checksec", "0.0.9"), ("binary-security-check", "2.0.2")];
const WHEELS: [(&str, &str, &str); 2] = [("checksec", "checksec.py", "0.7.5"), ("blint", "blint", "4.0.1")];
const PACKAGES: [(&str, &str, &str); 2] = [
    ("scanelf", "pax-utils", "the fastest ELF scanner in C"),
    ("hardening-check", "devscripts", "Debian's checker"),
];

/// What a contender is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Tree,
    List,
    Sample,
}

struct Contender {
    name: &'static str,
    input: Input,
    command: Vec<String>,
    runs: Vec<Run>,
}

/// The input in its three forms.
struct Files {
    directory: String,
    count: usize,
    list: Vec<String>,
    sample: Vec<String>,
}

/// `cargo xtask bench checksec [DIR] [--runs N] [--json]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let runs = super::runs(args, 5)?;
    let is_value = |at: usize| at > 0 && args[at - 1] == "--runs";
    let directory = (0..args.len()).find(|at| !args[*at].starts_with("--") && !is_value(*at));
    let files = files(directory.map_or("/usr", |at| args[at].as_str()))?;
    check(cargo().args(["build", "--quiet", "--release", "--bin", "hardpan"]))?;
    let mut contenders = contenders(&files)?;
    same_for_any_thread_count(&files)?;
    // The first round warms the page cache and is not counted.
    for round in 0..=runs {
        for contender in &mut contenders {
            say(&format!("round {round}: {}", contender.name));
            let run = measure(&contender.command, &[])?;
            if round > 0 {
                contender.runs.push(run);
            }
        }
    }
    let json = args.iter().any(|arg| arg == "--json");
    print(&if json { as_json(&files, &contenders) } else { as_table(&files, runs, &contenders) });
    Ok(())
}

/// Walks the tree once, as a peer would have to.
fn files(directory: &str) -> Result<Files, String> {
    let mut list = Vec::new();
    let mut count = 0;
    let mut directories = vec![PathBuf::from(directory)];
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    count += 1;
                    list.extend(is_elf(&entry.path()).then(|| entry.path().display().to_string()));
                }
                _ => {}
            }
        }
    }
    list.sort();
    let sample = list.iter().step_by((list.len() / SAMPLE).max(1)).take(SAMPLE).cloned().collect();
    Ok(Files { directory: directory.to_owned(), count, list, sample })
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

fn contenders(files: &Files) -> Result<Vec<Contender>, String> {
    let hardpan = target().join("release/hardpan").display().to_string();
    let own = ["checksec", "--format", "json", "--fail-on", "none", "--quiet"];
    let crates = target().join("bench/peers/cargo/bin");
    let mut contenders = Vec::new();
    let mut add = |name, input, program: &str, args: &[&str]| {
        let paths: &[String] = match input {
            Input::Tree => std::slice::from_ref(&files.directory),
            Input::List => &files.list,
            Input::Sample => &files.sample,
        };
        let words = std::iter::once(program).chain(args.iter().copied()).map(str::to_owned);
        contenders.push(Contender {
            name,
            input,
            command: words.chain(paths.iter().cloned()).collect(),
            runs: Vec::new(),
        });
    };
    peers::ensure(&PACKAGES)?;
    install_crates()?;
    let wheels = install_wheels()?;
    let program = |name: &str| find(name).map(|path| path.display().to_string()).unwrap_or_default();
    let of_crates = |name: &str| crates.join(name).display().to_string();
    add("hardpan", Input::Tree, &hardpan, &own);
    add("scanelf", Input::Tree, &program("scanelf"), &["-R", "-a", "-B"]);
    add("checksec.rs", Input::Tree, &of_crates("checksec"), &["--json", "--directory"]);
    // Its peer knows text only, so text is what is compared.
    let text = own.map(|word| if word == "json" { "text" } else { word });
    add("hardpan", Input::List, &hardpan, &text);
    add("binary-security-check", Input::List, &of_crates("binary-security-check"), &["--color", "never"]);
    add("hardpan", Input::Sample, &hardpan, &own);
    add("checksec.py", Input::Sample, &wheels[0], &["--json", "--workers=2"]);
    add(
        "blint",
        Input::Sample,
        &wheels[1],
        &["--no-error", "--no-banner", "--quiet", "-o", &reports(), "-i"],
    );
    add("hardening-check", Input::Sample, &program("hardening-check"), &[]);
    Ok(contenders)
}

fn reports() -> String {
    target().join("bench/peers/blint-reports").display().to_string()
}

fn install_crates() -> Outcome {
    let root = target().join("bench/peers/cargo");
    for (name, version) in CRATES {
        if !root.join("bin").join(name).is_file() {
            let install = ["install", "--quiet", "--locked", name, "--version", version, "--root"];
            check(cargo().args(install).arg(&root))?;
        }
    }
    Ok(())
}

/// One environment each, since they ask for different versions of one library. Returns their programs.
fn install_wheels() -> Result<[String; 2], String> {
    let mut programs = [String::new(), String::new()];
    for (at, (program, package, version)) in WHEELS.iter().enumerate() {
        let root = target().join("bench/peers").join(package);
        let path = root.join("bin").join(program);
        if !path.is_file() {
            check(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
            let pinned = format!("{package}=={version}");
            check(Command::new(root.join("bin/pip")).args(["install", "--quiet", &pinned]))?;
        }
        programs[at] = path.display().to_string();
    }
    Ok(programs)
}

/// The report may name the number of threads nowhere.
fn same_for_any_thread_count(files: &Files) -> Outcome {
    let hardpan = target().join("release/hardpan").display().to_string();
    let words = [&hardpan, "checksec", &files.directory, "--format", "json", "--fail-on", "none", "--quiet"];
    let command: Vec<String> = words.iter().map(ToString::to_string).collect();
    let mut first: Option<String> = None;
    for threads in ["1", "2", "5"] {
        say(&format!("the same output with {threads} threads?"));
        let output = measure(&command, &[("RAYON_NUM_THREADS", threads)])?.output;
        match &first {
            Some(first) if *first != output => {
                return Err(format!("the report differs with {threads} threads; are files being changed?"));
            }
            Some(_) => {}
            None => first = Some(output),
        }
    }
    Ok(())
}

impl Contender {
    fn figures(&self, figure: fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(figure).collect()
    }
}

fn wall(run: &Run) -> f64 {
    run.wall.as_secs_f64()
}

fn cpu(run: &Run) -> f64 {
    run.cpu
}

fn mebibytes(run: &Run) -> f64 {
    to_f64(run.memory) / 1_048_576.0
}

fn as_table(files: &Files, runs: usize, contenders: &[Contender]) -> String {
    let mut table = format!(
        "{}: {} files, {} of them ELF; {runs} rounds in turn after one to warm up; median (least to most); \
         ratio = peer / hardpan on the same input; hardpan's report is the same with 1, 2 and 5 threads\n\n\
         | input | command | wall s | CPU s | peak MiB | wall ratio | CPU ratio |\n|---|---|---|---|---|---|---|\n",
        files.directory,
        files.count,
        files.list.len(),
    );
    for contender in contenders {
        let own = contenders.iter().find(|own| own.name == "hardpan" && own.input == contender.input);
        let ratio = |figure: fn(&Run) -> f64| match own {
            Some(own) if own.name != contender.name => {
                format!("{:.1}", median(&contender.figures(figure)) / median(&own.figures(figure)))
            }
            _ => "\u{2013}".to_owned(),
        };
        let input = match contender.input {
            Input::Tree => files.directory.clone(),
            Input::List => format!("{} files by name", files.list.len()),
            Input::Sample => format!("{} files by name", files.sample.len()),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {input} | {} | {} | {} | {} | {} | {} |",
            contender.name,
            spread(&contender.figures(wall), 2),
            spread(&contender.figures(cpu), 2),
            spread(&contender.figures(mebibytes), 0),
            ratio(wall),
            ratio(cpu),
        );
    }
    table
}

fn as_json(files: &Files, contenders: &[Contender]) -> String {
    let rows: Vec<String> = contenders
        .iter()
        .map(|contender| {
            let input = match contender.input {
                Input::Tree => "tree",
                Input::List => "list",
                Input::Sample => "sample",
            };
            format!(
                "{{\"command\":\"{}\",\"input\":\"{input}\",\"wall_s\":{:?},\"cpu_s\":{:?},\"peak_mib\":{:?}}}",
                contender.name,
                contender.figures(wall),
                contender.figures(cpu),
                contender.figures(mebibytes),
            )
        })
        .collect();
    let (directory, count, elves) = (&files.directory, files.count, files.list.len());
    format!(
        "{{\"input\":{directory:?},\"files\":{count},\"elf_files\":{elves},\"results\":[{}]}}",
        rows.join(",")
    )
}
