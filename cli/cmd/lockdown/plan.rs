//! `hardpan lockdown plan`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_lockdown::boot::config::MAX_SIZE;
use hardpan_lockdown::boot::{Config, Plan, SlotPlan, Step};
use hardpan_lockdown::generate::generate;
use serde_json::{Value, json};

use super::generate::{Gathered, GivenArgs, Wanted, gather, read_profile};
use crate::Context;
use crate::output::print_text;

/// Show what hardpan-boot would do, step by step
///
/// Nothing is done and no device is looked at: the steps follow from a boot configuration and the kernel's command line. Of a
/// profile the steps are those of what `generate` would write; images are not verified for that.
///
/// Exit codes: 0 shown, 2 the configuration is refused, as hardpan-boot would refuse it, or cannot be read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan lockdown plan boot/boot.conf
  hardpan lockdown plan boot/boot.conf --cmdline 'quiet hardpan.slot=b hardpan.verify=full'
  hardpan lockdown plan profile.toml --json")]
pub(crate) struct PlanArgs {
    /// A boot configuration, or a profile; told by the first line
    file: PathBuf,
    /// The kernel's command line, of which hardpan.slot=, hardpan.verify=full and parameters of modules are heeded
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    cmdline: Option<String>,
    #[command(flatten)]
    given: GivenArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PlanArgs, context: &Context) -> anyhow::Result<u8> {
    let config = config(args, context)?;
    let plan = Plan::new(&config, args.cmdline.as_deref().unwrap_or_default());
    let plan = plan.with_context(|| args.file.display().to_string())?;
    let text =
        if args.json { format!("{:#}\n", as_json(&plan)) } else { crate::printable(&plan.to_string()) };
    print_text(&text)?;
    Ok(crate::exit::CLEAN)
}

fn config(args: &PlanArgs, context: &Context) -> anyhow::Result<Config> {
    let file = &args.file;
    let cannot = || format!("cannot read {}", file.display());
    let mut head = Vec::new();
    File::open(file)
        .and_then(|it| it.take(FIRST.len() as u64).read_to_end(&mut head))
        .with_context(cannot)?;
    if head == FIRST {
        return read_config(file);
    }
    let profile = read_profile(file)?;
    let base = file.parent().unwrap_or(Path::new(""));
    let wanted = Wanted { profile: &profile, base, given: &args.given, unverified: true, context };
    let Gathered { inputs, .. } = gather(&wanted)?;
    Ok(generate(&profile, &inputs).with_context(|| file.display().to_string())?.config)
}

/// Reads a boot configuration; an error names the file, the line and the column.
pub(super) fn read_config(path: &Path) -> anyhow::Result<Config> {
    let cannot = || format!("cannot read {}", path.display());
    let mut text = Vec::new();
    let limit = MAX_SIZE as u64 + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text)).with_context(cannot)?;
    match Config::parse(&text) {
        Ok(config) => Ok(config),
        Err(error) => bail!("{}:{}:{}: {}", path.display(), error.line, error.column, error.fault),
    }
}

fn as_json(plan: &Plan) -> Value {
    let slot = |SlotPlan { slot, steps: own }: &SlotPlan| {
        json!({
            "name": slot.name,
            "version": slot.version,
            "data": slot.data.to_string(),
            "hash": slot.hash.to_string(),
            "root_hash": slot.table.root_hash(),
            "steps": steps(own),
        })
    };
    json!({
        "early": steps(&plan.early),
        "before": steps(&plan.before),
        "slots": plan.slots.iter().map(slot).collect::<Vec<_>>(),
        "after": steps(&plan.after),
        "on_failure": plan.on_failure.name(),
        "failure_delay": plan.failure_delay,
    })
}

fn steps(steps: &[Step]) -> Vec<Value> {
    let step = |step: &Step| json!({ "step": step.name(), "subject": step.subject(), "want": step.want() });
    steps.iter().map(step).collect()
}

/// How every boot configuration begins.
const FIRST: &[u8] = b"hardpan-boot";
