//! The command line, and nothing but: what it means is decided in `cmd`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use hardpan_checksec::profiles::PROFILES;
use hardpan_report::Severity;

use crate::cmd::checksec::processes::ProcessArgs;
use crate::cmd::lockdown::LockdownCommand;
use crate::cmd::policy::PolicyCommand;
use crate::cmd::policy::secilc;
use crate::cmd::verity::VerityCommand;
use crate::cmd::verity::veritysetup::FrontArgs;
use crate::output::Target;

/// Hardens minimal, image-based Linux hosts, and proves that they are hardened.
#[derive(Parser)]
#[command(name = "hardpan", version, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 clean, 1 findings at or over the threshold, 2 something could not be read or done (2 wins over 1).
Start with `hardpan audit /`. `hardpan explain RULE` tells what a rule checks, why, and what to do about it.")]
pub(crate) struct Args {
    /// Show no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Judge a whole root file system by the ten promises of a minimal, image-based host
    Audit(AuditArgs),
    /// Check every ELF file for RELRO, PIE, NX, stack protection, FORTIFY and more
    Checksec(ChecksecArgs),
    /// Make, verify and show dm-verity hash trees, fs-verity digests and manifests
    #[command(subcommand)]
    Verity(VerityCommand),
    /// Stand in for veritysetup: its options, lines and exit codes
    #[command(disable_help_flag = true)]
    Veritysetup(FrontArgs),
    /// Compile, check and show SELinux policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Stand in for secilc: its options, output files and exit codes
    #[command(disable_help_flag = true)]
    Secilc(secilc::FrontArgs),
    /// Judge and harden a kernel; generate what boots a verified root, and judge what a boot wrote down
    #[command(subcommand)]
    Lockdown(LockdownCommand),
    /// List the rules
    Rules(RulesArgs),
    /// Tell what a rule checks, why it matters, how it is judged and how to fix a failure
    Explain(ExplainArgs),
    /// Write a commented hardpan.toml
    Init(InitArgs),
    /// Print the JSON Schema of `--format json`, or of each line of `--format jsonl`
    Schema(SchemaArgs),
}

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  hardpan audit /                              this host, with what its kernel says of itself
  hardpan audit ./rootfs -o report.html        a directory that holds a root file system
  docker export CONTAINER | hardpan audit -    a container's file system
  hardpan audit ./layout --image linux/arm64   one image of an OCI image layout
  hardpan audit image.tar.zst -o r.json -o r.sarif --baseline old.json")]
pub(crate) struct AuditArgs {
    /// A directory, or an archive, package or image that holds a root file system; `-` reads one from standard input.
    ///
    /// Told by content: tar and cpio archives (plain, gzip, xz or Zstandard), Debian and RPM packages, OCI image layouts
    /// (as a directory or in a tar) and what `docker save` writes
    pub(crate) path: PathBuf,

    /// Which image of several: a platform such as linux/arm64, a name or tag, or a digest
    #[arg(long, value_name = "NAME")]
    pub(crate) image: Option<String>,

    /// Use facts of the running kernel for a PATH other than `/`
    #[arg(long, conflicts_with = "no_live")]
    pub(crate) live: bool,

    /// Judge `/` by its files only, as an image would be
    #[arg(long)]
    pub(crate) no_live: bool,

    #[command(flatten)]
    pub(crate) gate: GateArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  hardpan checksec /usr/bin/ssh                one file
  hardpan checksec ./rootfs -o checksec.sarif  every ELF file below a directory
  hardpan checksec target/release --fail-on medium --format json
  hardpan checksec dist/*.deb dist/*.rpm       what packages install, as `dist/x.deb:/usr/bin/x`
  hardpan checksec --root ./rootfs /usr/bin    a part of a root file system, whose links stay in it
  hardpan checksec ./rootfs --profile fedora   hold it to what Fedora's build flags give
  hardpan checksec --all-processes             what runs, and the files that it has loaded
  hardpan checksec diff old.json ./rootfs      what got better and what got worse
A file that is named like one of the commands is given as ./diff.")]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub(crate) struct ChecksecArgs {
    /// Files, directories, archives, packages and container images, in any mixture; `-` reads one from standard input.
    ///
    /// ELF files, static libraries (each member is judged) and kernel modules (.ko, .ko.gz, .ko.xz, .ko.zst) are looked for
    /// in all of them. A tar or cpio archive, a Debian or RPM package, an OCI image layout, an archive by `docker save`,
    /// and a directory with usr or etc in it, is a root file system of its own: links and library paths stay inside. If
    /// there are several inputs, what is in such a root is shown as INPUT:/usr/bin/x
    #[arg(required_unless_present_any = ["root", "pid", "all_processes"])]
    pub(crate) paths: Vec<PathBuf>,

    /// Take each PATH as inside this root file system: a directory, or anything else that is one of its own. Links are
    /// resolved in it, and nothing outside is opened. Without PATHs, all of it is judged
    #[arg(long, value_name = "ROOT")]
    pub(crate) root: Option<PathBuf>,

    /// Which image of several: a platform such as linux/arm64, a name or tag, or a digest
    #[arg(long, value_name = "NAME")]
    pub(crate) image: Option<String>,

    /// Judge the members of static libraries (.a) in directories and images too. Nothing runs them before they are
    /// linked, so they are left out and counted unless the library itself is named
    #[arg(long, conflicts_with_all = ["pid", "all_processes"])]
    pub(crate) members: bool,

    /// Let a run pass that found no ELF file. Without this it fails, since a wrong path or an empty build would pass
    #[arg(long, conflicts_with_all = ["pid", "all_processes"])]
    pub(crate) allow_empty: bool,

    #[command(flatten)]
    pub(crate) processes: ProcessArgs,

    #[command(flatten)]
    pub(crate) gate: GateArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(subcommand)]
    pub(crate) command: Option<ChecksecCommand>,
}

#[derive(Subcommand)]
pub(crate) enum ChecksecCommand {
    /// Tell what got better and what got worse between two builds, images or earlier reports
    Diff(DiffArgs),
    /// List the profiles, or show what one asks for, in the form in which hardpan.toml takes it
    Profiles(ProfilesArgs),
}

#[derive(ClapArgs)]
#[command(after_help = "\
Files are matched by their path below OLD and NEW; what is left, by a file name or the name of
a library up to its version, where that leaves no choice.

Exit codes: 0 nothing is worse, 1 something is worse or a new file fails at the threshold,
2 a side could not be judged in full. What the policy waives, allows or switches off is shown
and does not count.

Examples:
  hardpan checksec diff ./rootfs-1.0 ./rootfs-1.1
  hardpan checksec diff released.json target/release -o diff.md
  hardpan checksec diff old.tar.zst new.tar.zst --format json --profile bottlerocket")]
pub(crate) struct DiffArgs {
    /// What was: anything that `checksec` takes, or an earlier report in JSON
    pub(crate) old: PathBuf,

    /// What is: anything that `checksec` takes, or a report in JSON
    pub(crate) new: PathBuf,

    /// Which image of several, where a side holds more than one: a platform such as linux/arm64, a name or tag, or a digest
    #[arg(long, value_name = "NAME")]
    pub(crate) image: Option<String>,

    /// Write the comparison to a file; the ending decides the format (.json, .md, .txt). May be repeated
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,

    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub(crate) format: DiffFormat,

    /// Colour the text
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    Text,
    Json,
    /// For a comment on a change
    Markdown,
}

#[derive(ClapArgs)]
pub(crate) struct ProfilesArgs {
    /// The profile to show
    #[arg(value_parser = PossibleValuesParser::new(profile_names()))]
    pub(crate) name: Option<String>,

    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
#[command(next_help_heading = "Gate")]
pub(crate) struct GateArgs {
    /// Fail only on findings that this earlier report, in JSON or JSON Lines, lacks
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

#[derive(ClapArgs)]
pub(crate) struct PolicyArgs {
    /// Exit with 1 if there is a finding of this severity or more [default: high, or hardpan.toml's]
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,

    /// Hold executables to what a distribution's build flags give; `hardpan checksec profiles` tells what each asks for
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(profile_names()))]
    pub(crate) profile: Option<String>,

    /// The policy [default: hardpan.toml in the current directory, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The names that `--profile` takes.
pub(crate) fn profile_names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|profile| profile.name)
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FailOn {
    Info,
    Low,
    Medium,
    High,
    Critical,
    /// Never, except with 2 when something could not be read
    None,
}

impl FailOn {
    pub(crate) fn threshold(self) -> Option<Severity> {
        match self {
            Self::Info => Some(Severity::Info),
            Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
            Self::Critical => Some(Severity::Critical),
            Self::None => None,
        }
    }
}

#[derive(ClapArgs)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write a report to a file; the ending decides the format (.html, .json, .jsonl, .sarif,
    /// .xml for JUnit, .csv, .txt), or write FORMAT=FILE.
    /// May be repeated
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Vec<Target>,

    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Printed::Text)]
    pub(crate) format: Printed,

    /// The properties that the text's table shows, by the names or ids of their rules: `relro,pie,ELF-004` [default:
    /// those that matter most, as many as the terminal has room for]
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,

    /// Print every finding, not the first few of each rule
    #[arg(long)]
    pub(crate) all: bool,

    /// Colour the text
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Printed {
    /// Text whose table fits the terminal; `table` means the same
    #[value(alias = "table")]
    Text,
    /// Text whose table has every property whatever the width, as for `less -S`
    Wide,
    /// The whole report, as `hardpan schema` describes it
    Json,
    /// JSON Lines while files are read, as `hardpan schema jsonl` describes them; for checksec only
    Jsonl,
    /// SARIF 2.1.0, for code-scanning services
    Sarif,
    /// One page that needs nothing else
    Html,
    /// JUnit XML, for services that show test results
    Junit,
    /// The table of executables, a line for each file
    Csv,
    /// Annotations for GitHub Actions
    Github,
    /// GitLab's Code Quality report
    Gitlab,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

#[derive(ClapArgs)]
pub(crate) struct RulesArgs {
    /// Print them as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct ExplainArgs {
    /// A rule's id or name: `ELF-001`, `relro`
    pub(crate) rule: String,

    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct SchemaArgs {
    /// The format
    #[arg(value_enum, default_value_t = SchemaOf::Json)]
    pub(crate) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The whole report
    Json,
    /// Each line of JSON Lines
    Jsonl,
}

#[derive(ClapArgs)]
pub(crate) struct InitArgs {
    /// Where to write it
    #[arg(default_value = "hardpan.toml")]
    pub(crate) path: PathBuf,

    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        super::Args::command().debug_assert();
    }
}
