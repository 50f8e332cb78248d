//! `hardpan lockdown apply`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hardpan_lockdown::apply::{Applied, Outcome, Permission, plan, run as apply};
use hardpan_lockdown::boot::config::LockdownLevel;
use hardpan_lockdown::profile::{Profile, RuleSet, Sysctls};
use hardpan_lockdown::settings::{Kernel, Settings};
use hardpan_lockdown::{Host, KernelVersion};
use hardpan_report::escape_str;
use hardpan_sys::machine::Running;
use serde_json::{Value, json};

use super::DISAGREES;
use super::generate::read_profile;
use crate::output::print_text;

/// Harden the running kernel: sysctls, signatures of modules, lockdown
///
/// What is set comes from a profile, or without one from the kernel rules of --rules. Every knob is looked at, written only if
/// what it has is weaker, and read back. What can be taken back is set first, then what stays until the next boot, then lockdown;
/// what keeps modules out comes last. Load a crash kernel before this. Knobs that the kernel does not have are told as
/// unsupported, and fail the run only if the profile requires them.
///
/// What stays until the next boot is left alone unless --one-way says otherwise, and is not touched after something that is
/// required has failed. Look first: --dry-run changes nothing.
///
/// Exit codes: 0 all of it is in force or unsupported, 1 something is not (with --dry-run: something would be set), 2 the profile
/// could not be read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan lockdown apply --dry-run                     what the recommended rules would set
  hardpan lockdown apply --profile profile.toml        what can be taken back
  hardpan lockdown apply --profile profile.toml --one-way
  hardpan lockdown apply --lockdown integrity --one-way")]
pub(crate) struct ApplyArgs {
    /// The profile: its table `sysctl`, and lockdown and require-signed-modules of its table `kernel`
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The kernel rules whose sysctls are set, where there is no profile
    #[arg(long, value_name = "SET", conflicts_with = "profile", default_value_t = Rules::Recommended, value_enum)]
    rules: Rules,
    /// The least level of lockdown, where there is no profile; it stays until the next boot
    #[arg(long, value_name = "LEVEL", conflicts_with = "profile")]
    lockdown: Option<Level>,
    /// Change nothing, and show what is and what would be
    #[arg(long)]
    dry_run: bool,
    /// Change what stays until the next boot, too
    #[arg(long)]
    one_way: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rules {
    /// What every host should have
    Base,
    /// What a minimal host should have
    Recommended,
    /// All rules
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Nothing may change the running kernel
    Integrity,
    /// Nor may anything read its memory
    Confidentiality,
}

pub(super) fn run(args: &ApplyArgs) -> anyhow::Result<u8> {
    let profile = args.profile.as_deref().map(read_profile).transpose()?;
    let (settings, signed_modules, lockdown) = wanted(args, profile.as_ref());
    let mut kernel = Running::default();
    let actions = plan(settings.settings, signed_modules, lockdown, &mut kernel);
    let permission = Permission { change: !args.dry_run, one_way: args.one_way };
    let applied = apply(&actions, &mut kernel, permission);
    let text = if args.json {
        format!("{:#}\n", as_json(&applied, &settings.left_out, args))
    } else {
        as_text(&applied, &settings.left_out, args)
    };
    print_text(&text)?;
    let settled = applied.iter().all(|it| it.outcome.is_settled());
    Ok(if settled { crate::exit::CLEAN } else { DISAGREES })
}

fn wanted(args: &ApplyArgs, profile: Option<&Profile>) -> (Settings, bool, Option<LockdownLevel>) {
    let running = running();
    if let Some(profile) = profile {
        let kernel = &profile.kernel;
        return (Settings::of(&profile.sysctl, running), kernel.require_signed_modules, kernel.lockdown);
    }
    let rules = match args.rules {
        Rules::Base => RuleSet::Base,
        Rules::Recommended => RuleSet::Recommended,
        Rules::Strict => RuleSet::Strict,
    };
    let lockdown = args.lockdown.map(|level| match level {
        Level::Integrity => LockdownLevel::Integrity,
        Level::Confidentiality => LockdownLevel::Confidentiality,
    });
    (Settings::of(&Sysctls::of_rules(rules), running), false, lockdown)
}

/// The running kernel. What cannot be told of it excludes no rule.
fn running() -> Kernel {
    let release = Host::running().read("/proc/sys/kernel/osrelease");
    let version = release.present().and_then(|release| KernelVersion::parse(release));
    Kernel { arch: std::env::consts::ARCH.parse().ok(), version }
}

fn as_text(applied: &[Applied], left_out: &[(String, String)], args: &ApplyArgs) -> String {
    let mut text = String::new();
    for it in applied {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<12} {}", it.outcome.word(), line(it));
    }
    for (rule, reason) in left_out {
        let _ = writeln!(text, "{:<12} {rule}: {reason}", "left");
    }
    let count = |is: fn(&Outcome) -> bool| applied.iter().filter(|it| is(&it.outcome)).count();
    let in_force = count(|it| matches!(it, Outcome::InForce | Outcome::Set));
    let unsupported = count(|it| matches!(it, Outcome::Unsupported));
    let open = count(|it| !it.is_settled());
    let _ = writeln!(text, "{in_force} in force, {unsupported} unsupported, {open} not in force");
    let left = applied.iter().any(|it| matches!(it.outcome, Outcome::Left(_))) && !args.one_way;
    if left {
        text.push_str("what stays until the next boot was left alone: say --one-way to set it\n");
    }
    if applied.iter().any(|it| matches!(it.outcome, Outcome::Failed(_)))
        && !rustix::process::geteuid().is_root()
    {
        text.push_str("hint: only root sets these; run as root\n");
    }
    text
}

fn line(it: &Applied) -> String {
    let action = &it.action;
    let shown = |value: &str| if value.is_empty() { "\"\"".to_owned() } else { escape_str(value) };
    let (want, before) = (shown(action.want()), it.before.as_deref().map(shown));
    let mut line = match (&it.outcome, before) {
        (Outcome::InForce, Some(before)) => format!("{} = {before}", action.subject()),
        (_, Some(before)) => format!("{} = {want} (was {before})", action.subject()),
        (_, None) => format!("{} = {want}", action.subject()),
    };
    if matches!(it.outcome, Outcome::WouldSet) {
        line = line.replace("(was ", "(is ");
    }
    if action.is_one_way() && !matches!(it.outcome, Outcome::InForce) {
        line.push_str(", until the next boot");
    }
    if let Outcome::Failed(reason) | Outcome::Left(reason) = &it.outcome {
        let _ = write!(line, ": {}", escape_str(reason));
    }
    line
}

fn as_json(applied: &[Applied], left_out: &[(String, String)], args: &ApplyArgs) -> Value {
    let action = |it: &Applied| {
        let reason = match &it.outcome {
            Outcome::Failed(reason) | Outcome::Left(reason) => Some(reason),
            _ => None,
        };
        json!({
            "subject": it.action.subject(),
            "want": it.action.want(),
            "before": it.before,
            "outcome": it.outcome.word(),
            "reason": reason,
            "one_way": it.action.is_one_way(),
            "required": it.action.is_required(),
            "rule": it.action.rule(),
        })
    };
    let left_out = left_out.iter().map(|(rule, reason)| json!({ "rule": rule, "reason": reason }));
    json!({
        "dry_run": args.dry_run,
        "settled": applied.iter().all(|it| it.outcome.is_settled()),
        "actions": applied.iter().map(action).collect::<Vec<_>>(),
        "left_out": left_out.collect::<Vec<_>>(),
    })
}
