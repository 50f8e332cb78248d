//! `cargo xtask secilc`: secilc and our front in its place over the same policies and options. Both take a policy or both
//! refuse it, and what comes out is the same, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::shell::{self, Outcome, cargo, check, find, print, say};
use crate::{corpus, peers};

const PEERS: &[(&str, &str, &str)] = &[("secilc", "secilc", "what Hardpan is compared with")];

/// The versions of the binary policy that secilc 3.4 and Hardpan both write.
const VERSIONS: &[&str] = &["33", "30", "31", "32"];

/// Each option by itself, and pairs that touch the same part of the policy.
const OPTIONS: &[&str] = &[
    "",
    "-M true",
    "-M false",
    "-U allow",
    "-U deny",
    "-U reject",
    "-D",
    "-P",
    "-m",
    "-N",
    "-G",
    "-X 0",
    "-X 1",
    "-X 2",
    "-X 1000",
    "-Q",
    "-O",
    "-t xen",
    "-N -D",
    "-N -P",
    "-N -m -Q",
    "-G -X 0",
    "-G -X 1000",
    "-O -M false",
    "-O -D",
    "-O -P",
    "-O -G -X 2",
    "-O -N -X 1000",
    "-O -m -M true",
];

/// Where the two may differ, and why: a file's name (or `*`), options (as in a row of [`OPTIONS`], or `*`), and the reason.
const DIFFERENCES: &[(&str, &str, &str)] = &[(
    "anonymous_arg_test.cil",
    "-t xen",
    "it labels networks, which Xen has none of; secilc writes them where Xen expects devices",
)];

/// Both programs, and where they write.
pub(crate) struct Programs {
    pub(crate) secilc: PathBuf,
    pub(crate) hardpan: PathBuf,
    pub(crate) place: PathBuf,
    /// The release whose bytes Hardpan is to write: that of the secilc that is installed.
    pub(crate) compat: &'static str,
}

/// What is compiled as one policy.
struct Policy {
    /// As in the command line: a file, or a directory.
    path: PathBuf,
    files: Vec<PathBuf>,
    /// Whether it has contexts that only Linux knows. secilc would write them, for Xen, where Xen expects those of its own,
    /// along with what lies in memory there, so that there are no bytes to compare.
    labels_networks: bool,
}

/// What a program made of a policy.
enum Verdict {
    Made { policy: Vec<u8>, contexts: Vec<u8> },
    Refused(String),
    Died(String),
}

/// One policy with one set of options.
struct Run<'all> {
    policy: &'all Policy,
    options: String,
}

/// How many runs ended how.
#[derive(Default)]
struct Counts {
    same: AtomicUsize,
    refused: AtomicUsize,
    listed: AtomicUsize,
    different: AtomicUsize,
}

/// What the task was asked for.
#[derive(Default)]
struct Asked {
    /// Every option with the newest version only.
    is_quick: bool,
    /// To print what both say of what they refuse, instead.
    refusals: bool,
    /// A build of ours that is not to be made first.
    hardpan: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

/// `cargo xtask secilc [--quick] [--refusals] [--hardpan FILE] [DIR|FILE...]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let asked = asked(args)?;
    let policies = asked.paths.into_iter().map(Policy::at).collect::<Result<Vec<_>, _>>()?;
    let place = shell::root().join("target/secilc");
    let programs = match asked.hardpan {
        Some(hardpan) => Programs::with(hardpan, &place)?,
        None => Programs::build(&place)?,
    };
    say(&format!("{}, as of {}", programs.secilc.display(), programs.compat));
    if asked.refusals {
        return policies.iter().try_for_each(|policy| programs.tell_refusals(policy));
    }
    compare_all(&programs, &runs(&policies, asked.is_quick))
}

fn asked(args: &[String]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => asked.is_quick = true,
            "--refusals" => asked.refusals = true,
            "--hardpan" => asked.hardpan = Some(args.next().ok_or("--hardpan wants a program")?.into()),
            unknown if unknown.starts_with('-') => {
                let usage = "`cargo xtask secilc [--quick] [--refusals] [--hardpan FILE] [DIR|FILE...]`";
                return Err(format!("{unknown} is no option: {usage}"));
            }
            path => asked.paths.push(path.into()),
        }
    }
    if asked.paths.is_empty() {
        asked.paths = vec![shell::root().join("selinux-policy/policy"), corpus::refpolicy()?];
    }
    Ok(asked)
}

/// Every option with every version, or with the newest only.
fn runs(policies: &[Policy], is_quick: bool) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    for policy in policies {
        for options in OPTIONS {
            let versions = if is_quick && !options.is_empty() { &VERSIONS[..1] } else { VERSIONS };
            let versions = match options.contains("xen") {
                true if policy.labels_networks => continue,
                // There is no later one.
                true => &["30"],
                false => versions,
            };
            let options = versions.iter().map(|version| format!("-c {version} {options}"));
            runs.extend(options.map(|options| Run { policy, options: options.trim_end().to_owned() }));
        }
    }
    runs
}

fn compare_all(programs: &Programs, runs: &[Run]) -> Outcome {
    let (counts, next, failed) = (Counts::default(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((index, run)) = take(runs, &next) {
                    if let (Err(error), Ok(mut failed)) =
                        (programs.compare(run, index, &counts), failed.lock())
                    {
                        failed.push(error);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().map_err(|error| error.to_string())?;
    let [same, refused, listed, different] =
        [&counts.same, &counts.refused, &counts.listed, &counts.different]
            .map(|count| count.load(Ordering::Relaxed));
    print(&format!(
        "{} runs: {same} made the same, {refused} refused by both, {listed} differ as listed, {different} differ",
        runs.len()
    ));
    match (failed.is_empty(), different) {
        (true, 0) => Ok(()),
        (true, _) => Err(format!("{different} runs differ")),
        (false, _) => Err(failed.join("\n")),
    }
}

fn take<'runs, 'all>(runs: &'runs [Run<'all>], next: &AtomicUsize) -> Option<(usize, &'runs Run<'all>)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, runs.get(index)?))
}

impl Policy {
    fn at(path: PathBuf) -> Result<Self, String> {
        let mut files = Vec::new();
        if path.is_dir() {
            gather(&path, &mut files)?;
        } else {
            files.push(path.clone());
        }
        if files.is_empty() {
            return Err(format!("{} has no .cil files", path.display()));
        }
        files.sort();
        let labels_networks =
            files.iter().map(|file| labels_networks(file)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { path, files, labels_networks: labels_networks.contains(&true) })
    }

    fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// As words for a shell.
    fn shown(&self) -> String {
        let path = self.path.display();
        if self.path.is_dir() {
            format!("$(find {path} -name '*.cil' | LC_ALL=C sort)")
        } else {
            path.to_string()
        }
    }
}

fn labels_networks(file: &Path) -> Result<bool, String> {
    let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = String::from_utf8_lossy(&text);
    let statements = ["(fsuse", "(ibendportcon", "(ibpkeycon", "(netifcon", "(nodecon", "(portcon"];
    Ok(statements.iter().any(|statement| text.contains(statement)))
}

fn gather(directory: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "cil") {
            files.push(path);
        }
    }
    Ok(())
}

impl Programs {
    /// The installed secilc and a release build of ours.
    pub(crate) fn build(place: &Path) -> Result<Self, String> {
        check(cargo().args(["build", "--quiet", "--release", "--bin", "hardpan"]))?;
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| shell::root().join("target"), PathBuf::from);
        Self::with(target.join("release/hardpan"), place)
    }

    /// The installed secilc and a build of ours.
    fn with(hardpan: PathBuf, place: &Path) -> Result<Self, String> {
        peers::ensure(PEERS)?;
        let secilc = find("secilc").ok_or("secilc is not there")?;
        fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
        Self { secilc, hardpan, place: place.to_path_buf(), compat: "3.6" }.with_compat()
    }

    /// Finds the release out by our own policy: its symbols are in another order from 3.6 on.
    fn with_compat(mut self) -> Result<Self, String> {
        let policy = Policy::at(shell::root().join("selinux-policy/policy"))?;
        let theirs = self.secilc(&policy, "", 0)?;
        for compat in ["3.4", "3.6"] {
            self.compat = compat;
            if difference(&theirs, &self.ours(&policy, "", 0)?).is_none() {
                return Ok(self);
            }
        }
        Err("secilc and hardpan make different policies of selinux-policy/policy".to_owned())
    }

    fn compare(&self, run: &Run, index: usize, counts: &Counts) -> Outcome {
        let Run { policy, options } = run;
        let theirs = self.secilc(policy, options, index)?;
        let ours = self.ours(policy, options, index)?;
        let count = match (difference(&theirs, &ours), is_listed(run)) {
            (None, _) if matches!(ours, Verdict::Made { .. }) => &counts.same,
            (None, _) => &counts.refused,
            (Some(_), true) => &counts.listed,
            (Some(told), false) => {
                let shown = policy.shown();
                print(&format!(
                    "{}: {told}\n  secilc {options} {shown}\n  HARDPAN_SECILC_COMPAT={} {} secilc {options} {shown}",
                    policy.name(),
                    self.compat,
                    self.hardpan.display(),
                ));
                &counts.different
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Prints what both say of a policy that they refuse.
    fn tell_refusals(&self, policy: &Policy) -> Outcome {
        let verdicts = [("secilc", self.secilc(policy, "", 0)?), ("hardpan", self.ours(policy, "", 0)?)];
        for (program, verdict) in verdicts {
            if let Verdict::Refused(said) | Verdict::Died(said) = verdict {
                print(&format!("== {program}: {}\n{said}", policy.path.display()));
            }
        }
        Ok(())
    }

    fn secilc(&self, policy: &Policy, options: &str, index: usize) -> Result<Verdict, String> {
        self.verdict(Command::new(&self.secilc), policy, options, &format!("secilc-{index}"))
    }

    fn ours(&self, policy: &Policy, options: &str, index: usize) -> Result<Verdict, String> {
        let mut command = Command::new(&self.hardpan);
        // As many runs as there are processors are under way.
        command.arg("secilc").env("HARDPAN_SECILC_COMPAT", self.compat).env("RAYON_NUM_THREADS", "1");
        self.verdict(command, policy, options, &format!("hardpan-{index}"))
    }

    fn verdict(
        &self,
        mut command: Command,
        policy: &Policy,
        options: &str,
        name: &str,
    ) -> Result<Verdict, String> {
        let [made, contexts] =
            ["policy", "contexts"].map(|ending| self.place.join(name).with_extension(ending));
        command.args(options.split_whitespace()).arg("-o").arg(&made).arg("-f").arg(&contexts);
        let output = command.args(&policy.files).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{}: {error}", policy.path.display()))?;
        if !output.status.success() {
            // What a program leaves behind that fails is of no interest.
            let _ = (fs::remove_file(&made), fs::remove_file(&contexts));
            return Ok(failure(&output));
        }
        let take = |path: &Path| {
            let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
            fs::remove_file(path).map_err(|error| format!("{}: {error}", path.display())).and(bytes)
        };
        Ok(Verdict::Made { policy: take(&made)?, contexts: take(&contexts)? })
    }
}

fn failure(output: &Output) -> Verdict {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    // Ours ends a panic with 101, which is no verdict either.
    if output.status.code().is_none_or(|code| code == 101) {
        Verdict::Died(said)
    } else {
        Verdict::Refused(said)
    }
}

/// What differs, if something does, with the first line of who refused.
fn difference(theirs: &Verdict, ours: &Verdict) -> Option<String> {
    match (theirs, ours) {
        (Verdict::Refused(_), Verdict::Refused(_)) => None,
        (Verdict::Made { policy, contexts }, Verdict::Made { policy: own, contexts: own_contexts }) => {
            let first = policy.iter().zip(own).position(|(theirs, ours)| theirs != ours);
            let sizes = (policy.len(), own.len());
            match (policy == own, contexts == own_contexts) {
                (true, true) => None,
                (true, false) => Some("other file contexts".to_owned()),
                (false, _) => Some(format!("other bytes from {first:?} on; theirs and ours have {sizes:?}")),
            }
        }
        (_, Verdict::Died(said)) => Some(format!("hardpan dies: {}", first_line(said))),
        (Verdict::Died(said), _) => Some(format!("secilc dies: {}", first_line(said))),
        (_, Verdict::Refused(said)) => Some(format!("only hardpan refuses: {}", first_line(said))),
        (Verdict::Refused(said), _) => Some(format!("only secilc refuses: {}", first_line(said))),
    }
}

fn first_line(said: &str) -> &str {
    said.lines().next().unwrap_or_default()
}

fn is_listed(run: &Run) -> bool {
    let (name, options) =
        (run.policy.name(), run.options.split_once(' ').and_then(|(_, rest)| rest.split_once(' ')));
    let options = options.map_or("", |(_, options)| options);
    let is = |listed: &str, own: &str| listed == "*" || listed == own;
    DIFFERENCES.iter().any(|(file, with, _)| is(file, name) && is(with, options))
}
