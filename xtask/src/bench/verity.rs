//! Hash trees, parity and fs-verity digests, beside veritysetup and fsverity.
//!
//! What was tried and is not in the product, on two cores of an EPYC 9004 (Zen 4), of data in the page cache:
//!
//! - SHA-NI streams and AVX-512 lanes in one loop on one core: 2.4 to 2.6 GB/s for 16 lanes and 1 to 4 streams beside each
//!   quarter of their rounds, where SHA-NI alone has 3.4 and AVX-512 alone 3.1. The instructions share vector units, and the
//!   streams' registers are spilled.
//! - Reads: 4 GiB cost 0.28 s of system time by 1 MiB at a time, 0.36 s by 256 KiB, 0.42 s by 32 KiB, if nothing is done with
//!   them. With hashing, the whole run was cheapest by 64 KiB (1.9 to 2.0 s of processor time; 2.0 to 2.4 s by 256 KiB),
//!   since more does not stay in the second-level cache until it is hashed. Tasks of 4 or 16 MiB instead of 1 MiB: the same.
//! - Reading where the source can lend: 64 KiB at a time cost 1.76 s of processor time for 4 GiB (0.41 s of it system time),
//!   mapped windows of 4 MiB 1.51 s (0.12 s), with the next group of blocks announced to the cache; without that, user
//!   time was 0.15 s more. That is for a file as a builder leaves it, written by 1 MiB at a time: the page cache then has
//!   large folios. Of one that was read back into the cache the windows cost 0.35 s, and all of it 10 % less than reading.
//!   `MADV_POPULATE_READ` for each window instead of faults: the same or more. One mapping of all the file: 0.6 s.
//! - Prefetching the next four blocks of what was read into a buffer: no difference that could be measured.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use super::measure::{Run, measure, median, spread, to_f64};
use super::target;
use crate::shell::{Outcome, cargo, check, find, print, say};

/// `cargo xtask bench verity [--runs N] [--json] [--quick] [--keep]`.
pub(super) fn run(args: &[String]) -> Outcome {
    let quick = args.iter().any(|arg| arg == "--quick");
    let runs = super::runs(args, if quick { 1 } else { 5 })?;
    check(cargo().args(["build", "--quiet", "--release", "--bin", "hardpan"]))?;
    let directory = target().join("bench/verity");
    let done = Inputs::create(&directory, quick).map(|inputs| measure_all(&inputs, runs));
    if !args.iter().any(|arg| arg == "--keep") {
        fs::remove_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    let rows = done?;
    print(&if args.iter().any(|arg| arg == "--json") { as_json(&rows) } else { as_table(&rows) });
    let failed = rows.iter().filter_map(|row| Some(format!("{}: {}", row.title, row.failure.as_ref()?)));
    let failed: Vec<String> = failed.collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// The files that are worked on.
///
/// Each kind of work begins with its input written anew, by 1 MiB at a time, as a builder leaves it. How fast a file can be
/// mapped or read depends on how it came into the page cache: what was written so lies there in large folios, what was read
/// back after the kernel had dropped it, in small ones. A kernel may drop what was used a minute ago; so a row would
/// otherwise depend on how long the rows before it took. All commands of a row, the peer's too, meet the same state.
struct Inputs {
    directory: PathBuf,
    /// 4 GiB that look random.
    large: PathBuf,
    /// 1 GiB of the same kind.
    small: PathBuf,
    /// 16 GiB of which nothing was written.
    hole: PathBuf,
    /// How many times smaller all of them are.
    divisor: u64,
}

impl Inputs {
    fn create(directory: &Path, quick: bool) -> Result<Self, String> {
        let divisor = if quick { 16 } else { 1 };
        let path = |name: &str| directory.join(name);
        let inputs = Self {
            directory: directory.to_owned(),
            large: path("large"),
            small: path("small"),
            hole: path("hole"),
            divisor,
        };
        let create = || {
            fs::create_dir_all(directory)?;
            File::create(&inputs.hole)?.set_len(16 * GIB / divisor)
        };
        create().map_err(|error: std::io::Error| format!("{}: {error}", directory.display()))?;
        Ok(inputs)
    }

    /// Writes one of the files anew.
    fn write(&self, path: &Path) -> Outcome {
        let (len, seed) = match path {
            path if path == self.large => (4 * GIB, 1),
            path if path == self.small => (GIB, 2),
            _ => return Ok(()),
        };
        say(&format!("writing {}", path.display()));
        write_noise(path, len / self.divisor, seed).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// A size as it is in this run.
    fn size(&self, gib: u64) -> String {
        match gib * 1024 / self.divisor {
            mib if mib.is_multiple_of(1024) => format!("{} GiB", mib / 1024),
            mib => format!("{mib} MiB"),
        }
    }
}

/// SplitMix64, so that the same bytes are written each time.
fn write_noise(path: &Path, len: u64, seed: u64) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let mut state = seed;
    let mut chunk = vec![0; 1 << 20];
    for _ in 0..len >> 20 {
        for word in chunk.as_chunks_mut::<8>().0 {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *word = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb).to_le_bytes();
        }
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

/// One kind of work, done by Hardpan and by another.
struct Work {
    title: String,
    /// What is read into the page cache before each run.
    input: PathBuf,
    contenders: Vec<Contender>,
    /// Rounds, where the peer takes so long that fewer have to do.
    most_runs: usize,
}

/// A command and what it makes.
struct Contender {
    name: &'static str,
    command: Vec<String>,
    env: &'static [(&'static str, &'static str)],
    /// Files that it writes, removed before each run and compared with the other's afterwards.
    outputs: Vec<String>,
    /// The digest in what it prints, which must be the other's.
    digest: fn(&str) -> Option<String>,
}

/// What was measured of one kind of work.
struct Row {
    title: String,
    figures: Vec<Figures>,
    /// Why there is nothing to compare.
    failure: Option<String>,
}

/// One contender's figures over all runs.
struct Figures {
    name: &'static str,
    wall: Vec<f64>,
    cpu: Vec<f64>,
    memory: Vec<f64>,
}

fn measure_all(inputs: &Inputs, runs: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for work in all_work(inputs) {
        let mut figures = Vec::new();
        let measured = inputs.write(&work.input).and_then(|()| measure_work(&work, runs, &mut figures));
        let failure = measured.err();
        rows.push(Row { title: work.title, figures, failure });
    }
    rows
}

/// Runs the contenders in turn. They must succeed and agree each time.
fn measure_work(work: &Work, runs: usize, figures: &mut Vec<Figures>) -> Outcome {
    for contender in &work.contenders {
        figures.push(Figures { name: contender.name, wall: Vec::new(), cpu: Vec::new(), memory: Vec::new() });
        if find(&contender.command[0]).is_none() {
            return Err(format!("{} is not installed", contender.command[0]));
        }
    }
    for round in 1..=runs.min(work.most_runs) {
        let mut digests = Vec::new();
        for (contender, figures) in work.contenders.iter().zip(figures.iter_mut()) {
            say(&format!("{}, round {round}: {}", work.title, contender.name));
            let run = run_once(work, contender)?;
            digests.push((contender.digest)(&run.output));
            figures.wall.push(run.wall.as_secs_f64());
            figures.cpu.push(run.cpu);
            figures.memory.push(to_f64(run.memory) / 1_048_576.0);
        }
        compare(work, &digests)?;
    }
    Ok(())
}

fn run_once(work: &Work, contender: &Contender) -> Result<Run, String> {
    for output in &contender.outputs {
        let _ = fs::remove_file(output);
    }
    warm(&work.input).map_err(|error| format!("{}: {error}", work.input.display()))?;
    let run = measure(&contender.command, contender.env)?;
    if run.status.success() {
        return Ok(run);
    }
    Err(format!("{} failed with {}: {}", contender.name, run.status, run.errors.trim()))
}

/// Reads all of a file that was written, so that what was dropped since then is there again.
fn warm(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let mut file = File::open(path)?;
    if file.metadata()?.blocks() == 0 {
        return Ok(());
    }
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}

/// That all contenders printed the same digest and wrote the same files.
fn compare(work: &Work, digests: &[Option<String>]) -> Outcome {
    if digests.iter().any(|digest| *digest != digests[0]) {
        return Err(format!("the contenders disagree: {digests:?}"));
    }
    let first = &work.contenders[0].outputs;
    for other in &work.contenders[1..] {
        for (one, other) in first.iter().zip(&other.outputs) {
            if !same_bytes(one, other).map_err(|error| format!("{one}, {other}: {error}"))? {
                return Err(format!("{one} and {other} differ"));
            }
        }
    }
    Ok(())
}

fn same_bytes(one: &str, other: &str) -> std::io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let len = one.read(&mut a)?;
        other.read_exact(&mut b[..len])?;
        if a[..len] != b[..len] {
            return Ok(false);
        }
        if len == 0 {
            return Ok(true);
        }
    }
}

fn all_work(inputs: &Inputs) -> Vec<Work> {
    let few = 2;
    vec![
        format(inputs, 4, &inputs.large, &[], usize::MAX),
        threads(inputs),
        verify(inputs),
        format(inputs, 1, &inputs.small, &["--fec-roots=2"], few),
        format(inputs, 1, &inputs.small, &["--fec-roots=24"], few),
        format(inputs, 16, &inputs.hole, &[], few),
        digest(inputs),
    ]
}

/// Formatting, with parity if there are options for it.
fn format(inputs: &Inputs, gib: u64, input: &Path, options: &[&str], most_runs: usize) -> Work {
    let contender = |name, program: &[&str], suffix: &str| {
        let mut outputs =
            vec![inputs.path(&format!("hash.{suffix}")), inputs.path(&format!("root.{suffix}"))];
        let mut command = words(program);
        command.extend(["format".into(), input.display().to_string(), outputs[0].clone()]);
        command.push(format!("--root-hash-file={}", outputs[1]));
        command.extend(words(&IDENTITY));
        if !options.is_empty() {
            let parity = inputs.path(&format!("fec.{suffix}"));
            command.push(format!("--fec-device={parity}"));
            command.extend(words(options));
            outputs.push(parity);
        }
        Contender { name, command, env: &[], outputs, digest: root_hash }
    };
    let what = match options {
        [] if input == inputs.hole => format!("format a hole of {}", inputs.size(gib)),
        [] => format!("format {}", inputs.size(gib)),
        _ => format!("format {} {}", inputs.size(gib), options.join(" ")),
    };
    let hardpan = hardpan();
    let contenders = vec![
        contender("hardpan", &[&hardpan, "verity"], "hardpan"),
        contender("veritysetup", &["veritysetup"], "veritysetup"),
    ];
    Work { title: what, input: input.to_owned(), contenders, most_runs }
}

/// Verifying, by both, the tree that Hardpan made in the works before.
fn verify(inputs: &Inputs) -> Work {
    let (data, hash) = (inputs.large.display().to_string(), inputs.path("hash.hardpan"));
    let root = inputs.path("root.hardpan");
    let contender = |name, program: &[&str], option: &str| {
        let args = ["verify", &data, &hash, &format!("--root-hash-file={root}"), option];
        let command = words(program).into_iter().chain(words(&args)).collect();
        Contender { name, command, env: &[], outputs: Vec::new(), digest: |_| None }
    };
    let hardpan = hardpan();
    let contenders = vec![
        contender("hardpan", &[&hardpan, "verity"], "--trust-superblock"),
        contender("veritysetup", &["veritysetup"], "--verbose"),
    ];
    Work {
        title: format!("verify {}", inputs.size(4)),
        input: inputs.large.clone(),
        contenders,
        most_runs: usize::MAX,
    }
}

fn digest(inputs: &Inputs) -> Work {
    let file = inputs.small.display().to_string();
    let contender = |name, program: &[&str]| {
        let command = words(program).into_iter().chain(words(&["digest", &file])).collect();
        Contender { name, command, env: &[], outputs: Vec::new(), digest: first_word }
    };
    let hardpan = hardpan();
    let contenders = vec![contender("hardpan", &[&hardpan, "verity"]), contender("fsverity", &["fsverity"])];
    let title = format!("fs-verity digest of {}", inputs.size(1));
    Work { title, input: inputs.small.clone(), contenders, most_runs: usize::MAX }
}

/// Hardpan against itself.
fn threads(inputs: &Inputs) -> Work {
    let two = format(inputs, 4, &inputs.large, &[], usize::MAX);
    let mut one = format(inputs, 4, &inputs.large, &[], usize::MAX);
    let contenders = two.contenders.into_iter().zip(&mut one.contenders).take(1);
    let mut both: Vec<Contender> = contenders.map(|(two, _)| two).collect();
    both[0].env = &[("RAYON_NUM_THREADS", "2")];
    both[0].name = "hardpan, 2 threads";
    let mut one = one.contenders.swap_remove(0);
    one.env = &[("RAYON_NUM_THREADS", "1")];
    one.name = "hardpan, 1 thread";
    both.push(one);
    Work {
        title: format!("format {} by threads", inputs.size(4)),
        input: inputs.large.clone(),
        contenders: both,
        most_runs: usize::MAX,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn hardpan() -> String {
    target().join("release/hardpan").display().to_string()
}

fn root_hash(output: &str) -> Option<String> {
    let line = output.lines().find_map(|line| line.strip_prefix("Root hash:"));
    line.map(|digits| digits.trim().to_owned())
}

fn first_word(output: &str) -> Option<String> {
    output.split_whitespace().next().map(str::to_owned)
}

fn as_table(rows: &[Row]) -> String {
    let mut table =
        "Median (least to most). Ratios are of medians: how many times what the first line of the work has.\n\n".to_owned();
    table.push_str("| work | command | rounds | wall s | CPU s | peak MiB | wall ratio | CPU ratio |\n");
    table.push_str("|---|---|---|---|---|---|---|---|\n");
    for row in rows {
        if let Some(failure) = &row.failure {
            // Writing to a String cannot fail.
            let _ = writeln!(table, "| {} | {} | | | | | | |", row.title, failure.replace(['\n', '|'], " "));
            continue;
        }
        for (index, figures) in row.figures.iter().enumerate() {
            let base = &row.figures[0];
            let ratio = |ours: &[f64], theirs: &[f64]| match index {
                0 => String::new(),
                _ => format!("{:.2}", median(theirs) / median(ours)),
            };
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                row.title,
                figures.name,
                figures.wall.len(),
                spread(&figures.wall, 2),
                spread(&figures.cpu, 2),
                spread(&figures.memory, 0),
                ratio(&base.wall, &figures.wall),
                ratio(&base.cpu, &figures.cpu),
            );
        }
    }
    table
}

fn as_json(rows: &[Row]) -> String {
    let figures = |figures: &Figures| {
        format!(
            "{{\"command\":{:?},\"wall_s\":{:?},\"cpu_s\":{:?},\"peak_mib\":{:?}}}",
            figures.name, figures.wall, figures.cpu, figures.memory
        )
    };
    let row = |row: &Row| {
        let results: Vec<String> = row.figures.iter().map(figures).collect();
        let failure = row.failure.as_ref().map_or("null".to_owned(), |failure| quoted(failure));
        format!("{{\"work\":{:?},\"failure\":{failure},\"results\":[{}]}}", row.title, results.join(","))
    };
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

/// A JSON string. What tools print may have anything in it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// A salt and a UUID, so that outputs can be compared.
const IDENTITY: [&str; 2] = [
    "--salt=e48da609055204e89ae53b655ca2216dd983cf3cb829f34f63a297d106d53e2d",
    "--uuid=01234567-89ab-4cde-8f01-23456789abcd",
];
const GIB: u64 = 1 << 30;
