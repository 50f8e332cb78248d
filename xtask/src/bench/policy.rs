//! `cargo xtask bench policy`: the policy compiler beside secilc, on the same files, in turn.

mod generate;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::measure::{measure, median, spread, to_f64};
use crate::secilc::Programs;
use crate::shell::{Outcome, print, say};
use crate::{corpus, shell};

/// Something to compile.
struct Work {
    name: &'static str,
    files: Vec<PathBuf>,
    options: &'static [&'static str],
    /// Threads of ours; all processors if nothing is said. secilc has one.
    threads: Option<&'static str>,
    /// How often it is run.
    runs: usize,
}

/// What one command took, over all runs.
#[derive(Default)]
struct Figures {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    memory: Vec<f64>,
}

/// What both took, and whether they wrote the same.
struct Compared {
    name: &'static str,
    theirs: Figures,
    ours: Figures,
    same: bool,
}

/// `cargo xtask bench policy [--runs N] [--json]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let runs = super::runs(args, 5)?;
    let json = args.iter().any(|arg| arg == "--json");
    let programs = Programs::build(&shell::root().join("target/bench/policy"))?;
    let mut all = Vec::new();
    for work in works(&programs.place, runs)? {
        all.push(compare(&programs, &work)?);
    }
    print(&if json { as_json(&all) } else { as_table(&all) });
    let different: Vec<&str> = all.iter().filter(|work| !work.same).map(|work| work.name).collect();
    if different.is_empty() {
        Ok(())
    } else {
        Err(format!("other bytes than secilc's: {}", different.join("; ")))
    }
}

fn works(place: &Path, runs: usize) -> Result<Vec<Work>, String> {
    let refpolicy = files(&corpus::refpolicy()?)?;
    let promises = place.join("neverallow.cil");
    fs::write(&promises, generate::neverallow()).map_err(|error| error.to_string())?;
    let work = |name, options, threads| Work { name, files: refpolicy.clone(), options, threads, runs };
    Ok(vec![
        work("refpolicy", &[], None),
        work("refpolicy, -O", &["-O"], None),
        work("refpolicy, one thread", &[], Some("1")),
        work("refpolicy, -N", &["-N"], None),
        // The peer needs half a minute for each.
        Work { files: vec![promises], runs: runs.min(2), ..work("4,500 neverallow", &[], None) },
    ])
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    let entries = fs::read_dir(directory).map_err(failed)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cil"));
    files.sort();
    Ok(files)
}

/// Runs both in turn. The first round warms the page cache and is not counted.
fn compare(programs: &Programs, work: &Work) -> Result<Compared, String> {
    let [theirs, ours] = ["secilc", "hardpan"].map(|name| programs.place.join(name));
    let their_command = command(&[&programs.secilc], work, &theirs);
    let our_command = command(&[&programs.hardpan, Path::new("secilc")], work, &ours);
    let mut env = vec![("HARDPAN_SECILC_COMPAT", programs.compat)];
    env.extend(work.threads.map(|threads| ("RAYON_NUM_THREADS", threads)));
    let mut compared =
        Compared { name: work.name, theirs: Figures::default(), ours: Figures::default(), same: false };
    for round in 0..=work.runs {
        say(&format!("{}: round {round}", work.name));
        for (command, figures) in [(&their_command, &mut compared.theirs), (&our_command, &mut compared.ours)]
        {
            let run = measure(command, &env)?;
            if !run.status.success() {
                return Err(format!("{} failed:\n{}", command[0], run.errors));
            }
            if round > 0 {
                figures.wall.push(run.wall.as_secs_f64());
                figures.cpu.push(run.cpu);
                figures.memory.push(to_f64(run.memory) / 1_048_576.0);
            }
        }
    }
    let is_same = |ending: &str| {
        let read = |path: &Path| fs::read(path.with_extension(ending));
        matches!((read(&theirs), read(&ours)), (Ok(theirs), Ok(ours)) if theirs == ours)
    };
    compared.same = is_same("policy") && is_same("contexts");
    Ok(compared)
}

fn command(program: &[&Path], work: &Work, output: &Path) -> Vec<String> {
    let mut words: Vec<String> = program.iter().map(|word| word.display().to_string()).collect();
    words.extend(["-o".to_owned(), output.with_extension("policy").display().to_string()]);
    words.extend(["-f".to_owned(), output.with_extension("contexts").display().to_string()]);
    words.extend(work.options.iter().map(ToString::to_string));
    words.extend(work.files.iter().map(|file| file.display().to_string()));
    words
}

fn as_table(all: &[Compared]) -> String {
    let mut table = String::from(
        "wall and CPU in seconds, memory in MiB: median (least to most)\n\n\
         | work | secilc wall | wall | secilc CPU | CPU | secilc memory | memory | faster by | bytes |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for compared in all {
        let (theirs, ours) = (&compared.theirs, &compared.ours);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {:.1} | {} |",
            compared.name,
            spread(&theirs.wall, 2),
            spread(&ours.wall, 3),
            spread(&theirs.cpu, 2),
            spread(&ours.cpu, 2),
            spread(&theirs.memory, 0),
            spread(&ours.memory, 0),
            median(&theirs.wall) / median(&ours.wall),
            if compared.same { "identical" } else { "different" },
        );
    }
    table
}

fn as_json(all: &[Compared]) -> String {
    let figures = |figures: &Figures| {
        format!(
            "{{\"wall_s\":{:?},\"cpu_s\":{:?},\"peak_mib\":{:?}}}",
            figures.wall, figures.cpu, figures.memory
        )
    };
    let rows = all.iter().map(|compared| {
        let (theirs, ours) = (figures(&compared.theirs), figures(&compared.ours));
        format!(
            "{{\"work\":{:?},\"secilc\":{theirs},\"hardpan\":{ours},\"same_bytes\":{}}}",
            compared.name, compared.same
        )
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}
