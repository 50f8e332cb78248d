//! checksec and audit on a tree, beside the tools that read the same facts.

use std::fmt::Write as _;

use super::measure::{measure, median, spread, to_f64};
use super::target;
use crate::shell::{Outcome, cargo, check, find, print, say};

/// One command's figures over all runs.
struct Figures {
    name: &'static str,
    /// Seconds of user and system time.
    cpu: Vec<f64>,
    /// Seconds.
    wall: Vec<f64>,
    /// Highest resident memory, in bytes.
    memory: Vec<u64>,
    /// ELF files that it reported, to see that all looked at the same.
    elves: u64,
}

/// A command, and how its ELF files are counted in its output.
struct Contender {
    name: &'static str,
    command: Vec<String>,
    count: fn(&str) -> u64,
}

/// `cargo xtask bench audit [DIR] [--runs N] [--json]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let runs = super::runs(args, 5)?;
    let json = args.iter().any(|arg| arg == "--json");
    let is_value = |at: usize| at > 0 && args[at - 1] == "--runs";
    let directory = (0..args.len()).find(|at| !args[*at].starts_with("--") && !is_value(*at));
    let directory = directory.map_or("/usr", |at| args[at].as_str());
    check(cargo().args(["build", "--quiet", "--release", "--bin", "hardpan"]))?;
    let contenders = contenders(directory);
    let mut all: Vec<Figures> = Vec::new();
    for contender in &contenders {
        all.push(Figures {
            name: contender.name,
            cpu: Vec::new(),
            wall: Vec::new(),
            memory: Vec::new(),
            elves: 0,
        });
    }
    // The first round warms the page cache and is not counted.
    for round in 0..=runs {
        for (contender, figures) in contenders.iter().zip(&mut all) {
            say(&format!("round {round}: {}", contender.name));
            let run = measure(&contender.command, &[])?;
            figures.elves = (contender.count)(&run.output);
            if round > 0 {
                figures.cpu.push(run.cpu);
                figures.wall.push(run.wall.as_secs_f64());
                figures.memory.push(run.memory);
            }
        }
    }
    print(&if json { as_json(directory, &all) } else { as_table(directory, runs, &all) });
    Ok(())
}

fn contenders(directory: &str) -> Vec<Contender> {
    let hardpan = target().join("release/hardpan").display().to_string();
    let own = |command: &str| {
        let words = [&hardpan, command, directory, "--format", "json", "--fail-on", "none", "--quiet"];
        words.iter().map(ToString::to_string).collect()
    };
    let mut contenders = vec![
        Contender { name: "hardpan checksec", command: own("checksec"), count: count_json },
        Contender { name: "hardpan audit", command: own("audit"), count: count_json },
    ];
    let scanelf = ["-R", "-a", "-B", directory].map(str::to_owned);
    let checksec = ["--output=json".to_owned(), format!("--dir={directory}")];
    let count: [fn(&str) -> u64; 2] = [count_lines, count_objects];
    for (name, args, count) in [("scanelf", &scanelf[..], count[0]), ("checksec", &checksec[..], count[1])] {
        let Some(path) = find(name) else {
            say(&format!("peer not installed: {name}"));
            continue;
        };
        let command = std::iter::once(path.display().to_string()).chain(args.iter().cloned()).collect();
        contenders.push(Contender { name, command, count });
    }
    contenders
}

fn count_json(output: &str) -> u64 {
    let after = output.split("\"elf_files\":").nth(1).unwrap_or_default().trim_start();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn count_lines(output: &str) -> u64 {
    output.lines().count() as u64
}

fn count_objects(output: &str) -> u64 {
    output.matches("\"relro\"").count() as u64
}

fn as_table(directory: &str, runs: usize, all: &[Figures]) -> String {
    let mut table =
        format!("{directory}, {runs} rounds in turn after one to warm up; median (min to max)\n\n");
    table.push_str(
        "| command | CPU s | wall s | peak MiB | ELF files | CPU ratio |\n|---|---|---|---|---|---|\n",
    );
    let base = all.first().map_or(1.0, |first| median(&first.cpu));
    for figures in all {
        let memory: Vec<f64> = figures.memory.iter().map(|bytes| to_f64(*bytes) / 1_048_576.0).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {:.2} |",
            figures.name,
            spread(&figures.cpu, 2),
            spread(&figures.wall, 2),
            spread(&memory, 0),
            figures.elves,
            median(&figures.cpu) / base,
        );
    }
    table
}

fn as_json(directory: &str, all: &[Figures]) -> String {
    let rows: Vec<String> = all
        .iter()
        .map(|figures| {
            format!(
                "{{\"command\":\"{}\",\"elf_files\":{},\"cpu_s\":{:?},\"wall_s\":{:?},\"peak_bytes\":{:?}}}",
                figures.name, figures.elves, figures.cpu, figures.wall, figures.memory
            )
        })
        .collect();
    format!("{{\"input\":{directory:?},\"results\":[{}]}}", rows.join(","))
}
