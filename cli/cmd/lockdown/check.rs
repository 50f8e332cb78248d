//! `hardpan lockdown check`.

mod files;

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, ValueEnum};
use hardpan_audit::{kernel_facts, live_kernel_facts};
use hardpan_image::Index;
use hardpan_lockdown::{Host, KernelFacts, Profile, rules_of};
use hardpan_report::sink::{self, Draft};
use hardpan_report::{BytePath, Cause, Coverage, Pillar, Problem, Roots, Subject};

use crate::args::{FailOn, GateArgs, OutputArgs, PolicyArgs, Printed};
use crate::cmd::{audit, coverage};
use crate::context::{Context, Interrupted};
use crate::{config, output};
use files::FileArgs;

/// Judge a kernel's build configuration, command line, sysctls, security modules and mitigations
///
/// Without a PATH or files the running kernel is judged by its own state. Every rule has one of four results: it passes,
/// fails, does not apply to this kernel, or is unknown; what is unknown never counts as passed.
#[derive(Args)]
#[command(after_help = "\
What fails the run: a finding of the severity of --fail-on or more, and so a fact that should be there
and is not, such as a build configuration that an image lacks (exit code 1). What cannot be read, or is
malformed, makes the run incomplete (2). If files are given, rules about what was not given are
unknown, with the reason `input not supplied`, and do not fail the run.

Examples:
  hardpan lockdown check                                  the running kernel
  hardpan lockdown check image.tar.zst --profile strict   an image, by its files
  hardpan lockdown check --kconfig .config --fail-on medium
  hardpan lockdown check --kernel vmlinuz --cmdline cmdline.txt --sysctl sysctl-a.txt
  hardpan lockdown check --kconfig config.gz --cmdline-text 'lockdown=integrity' -o kernel.sarif")]
pub(crate) struct CheckArgs {
    /// `/` for the running kernel, or a directory, archive, package or image that holds a root file system, as `audit`
    /// takes it [default: /]
    path: Option<PathBuf>,

    /// Which image of several: a platform such as linux/arm64, a name or tag, or a digest
    #[arg(long, value_name = "NAME")]
    image: Option<String>,

    /// Judge `/` by its files only, as an image would be
    #[arg(long)]
    no_live: bool,

    /// Which rules: base is what `audit` judges, recommended adds what suits most hosts, strict adds what costs more
    #[arg(long, value_enum, default_value_t = ProfileName::Recommended)]
    profile: ProfileName,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    gate: CheckGate,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileName {
    Base,
    Recommended,
    Strict,
}

/// [`GateArgs`], but that `--profile` is about kernels here and not about executables.
#[derive(Args)]
#[command(next_help_heading = "Gate")]
struct CheckGate {
    /// Fail only on findings that this earlier report, in JSON, lacks
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Exit with 1 if there is a finding of this severity or more [default: high, or hardpan.toml's]
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,

    /// The policy [default: hardpan.toml in the current directory, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &CheckArgs, context: &Context) -> anyhow::Result<u8> {
    output::check(&args.output)?;
    output::refuse_lines(&args.output)?;
    if args.output.format == Printed::Csv {
        bail!("csv is the table of executables, which this command does not look at; use json");
    }
    let gate = GateArgs {
        baseline: args.gate.baseline.clone(),
        policy: PolicyArgs { fail_on: args.gate.fail_on, profile: None, config: args.gate.config.clone() },
    };
    let (policy, _) = config::policy(&gate)?;
    let report = sink::judge(draft(args, context)?, &policy);
    output::write(&report, &args.output, context)?;
    Ok(report.gate.exit_code)
}

fn draft(args: &CheckArgs, context: &Context) -> anyhow::Result<Draft<'static>> {
    let path = args.path.as_deref().unwrap_or(Path::new("/"));
    if args.files.are_given() {
        if args.path.is_some() {
            bail!("give a PATH or files, not both: which of the two should count is not clear");
        }
        let (facts, subject) = files::read(&args.files)?;
        return Ok(judged(args, &facts, subject, Coverage::default()));
    }
    let is_host = path.canonicalize().is_ok_and(|path| path == Path::new("/")) && !args.no_live;
    if is_host {
        let host = Host::running();
        let facts = live_kernel_facts(&host);
        let subject = Subject { kind: "host", path: BytePath::from("/"), live: true, os: None };
        return Ok(judged(args, &facts, subject, Coverage::default()));
    }
    of_tree(args, path, context)
}

fn of_tree(args: &CheckArgs, path: &Path, context: &Context) -> anyhow::Result<Draft<'static>> {
    let tree = audit::open(path, args.image.as_deref())?;
    let index = context.counting("listing files", |progress| Index::build(&*tree, progress))?;
    let index = index.ok_or(Interrupted::NO_REPORT)?;
    if !audit::may_be_root(&index) {
        bail!("{} is no root file system: it has neither /usr nor /etc nor any program", path.display());
    }
    let facts = kernel_facts(&index, None);
    let unread = facts.troubles.all().filter(|finding| finding.cause.is_some_and(Cause::is_incomplete));
    let read = coverage(&index, 0, unread.collect());
    let subject = Subject {
        kind: tree.kind().as_str(),
        path: BytePath::from(path.as_os_str().as_bytes()),
        live: false,
        os: None,
    };
    Ok(judged(args, &facts, subject, read))
}

fn judged(
    args: &CheckArgs,
    facts: &KernelFacts<'_>,
    subject: Subject,
    mut coverage: Coverage,
) -> Draft<'static> {
    let profile = match args.profile {
        ProfileName::Base => Profile::Base,
        ProfileName::Recommended => Profile::Recommended,
        ProfileName::Strict => Profile::Strict,
    };
    if coverage.entries == 0 {
        let incomplete = |finding: &&hardpan_report::Finding| finding.cause.is_some_and(Cause::is_incomplete);
        coverage.problems.extend(facts.troubles.all().filter(incomplete).map(|finding| Problem {
            path: finding.location.as_ref().map_or_else(|| BytePath::from(""), |place| place.path.clone()),
            cause: finding.cause,
            reason: finding.message.clone(),
        }));
    }
    Draft {
        command: "lockdown",
        subject,
        coverage,
        verdicts: facts.judge(rules_of(profile)),
        pillars: vec![Pillar::KernelLockdown],
        matrix: None,
        languages: Vec::new(),
        roots: Roots::default(),
    }
}
