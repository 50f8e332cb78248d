//! `hardpan lockdown receipt`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use hardpan_lockdown::boot::{Config, Plan, Step};
use hardpan_lockdown::receipt::{BootResult, Judgement, MAX_SIZE, PATH, Receipt, RemarkKind, Verdict};
use hardpan_report::escape_str;
use serde_json::{Value, json};

use super::DISAGREES;
use super::plan::read_config;
use crate::output::print_text;

/// Judge what a boot by hardpan-boot wrote down
///
/// The receipt says of every step what was wanted, what was found, and whether the effect was seen. A boot is good if it ended in
/// the system, no step failed, and nothing weaker is in force than was wanted. With --config the receipt must also have every
/// step that the boot configuration asks for. A receipt is as trustworthy as /run of the host that it comes from.
///
/// Exit codes: 0 good, 1 something is weaker, missing or failed, or this host has no receipt, 2 the receipt cannot be read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan lockdown receipt
  hardpan lockdown receipt boot.json --config boot/boot.conf
  hardpan lockdown receipt --allow-absent --json")]
pub(crate) struct ReceiptArgs {
    /// The receipt [default: /run/hardpan/boot.json]
    file: Option<PathBuf>,
    /// The boot configuration, whose steps must all be there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Put up with what the kernel does not have and the configuration did not require
    #[arg(long)]
    allow_absent: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReceiptArgs) -> anyhow::Result<u8> {
    let path = args.file.as_deref().unwrap_or(Path::new(PATH));
    let Some(text) = read(path, args.file.is_none())? else { return none(args) };
    let receipt = Receipt::parse(&text).with_context(|| path.display().to_string())?;
    let config = args.config.as_deref().map(read_config).transpose()?;
    let expected = config.map(|config| expected(&config, &receipt)).transpose()?;
    let mut judgement = receipt.judge(&expected.unwrap_or_default());
    if args.allow_absent {
        judgement = judgement.without(RemarkKind::Absent);
    }
    let text = if args.json {
        format!("{:#}\n", as_json(&receipt, &judgement))
    } else {
        as_text(&receipt, &judgement)
    };
    print_text(&text)?;
    Ok(if judgement.verdict == Verdict::Good { crate::exit::CLEAN } else { DISAGREES })
}

/// The bytes, one more than a receipt can have; `None` if this host has none.
fn read(path: &Path, is_own: bool) -> anyhow::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let limit = MAX_SIZE as u64 + 1;
    match File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if is_own && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn none(args: &ReceiptArgs) -> anyhow::Result<u8> {
    let what = "this host was not booted by hardpan-boot, or its receipt was removed";
    let text = if args.json {
        format!("{:#}\n", json!({ "verdict": "failed", "reason": what, "remarks": [] }))
    } else {
        format!("no boot receipt in {PATH}: {what}\n")
    };
    print_text(&text)?;
    Ok(DISAGREES)
}

/// The steps that the configuration asks for, of the slot that was booted. The receipt is written before the last two.
fn expected(config: &Config, receipt: &Receipt) -> anyhow::Result<Vec<(String, String)>> {
    let plan = Plan::new(config, "")?;
    let booted = plan.slots.iter().filter(|slot| Some(&slot.slot.name) == receipt.slot.as_ref());
    let own = booted.flat_map(|slot| &slot.steps);
    let steps = plan.early.iter().chain(&plan.before).chain(own).chain(&plan.after);
    let named = steps.filter(|step| !matches!(step, Step::Receipt | Step::Exec(_)));
    Ok(named.map(|step| (step.name().to_owned(), step.subject().to_owned())).collect())
}

fn as_text(receipt: &Receipt, judgement: &Judgement) -> String {
    let mut text = String::new();
    let kernel = receipt.kernel.as_deref().unwrap_or("unknown");
    let slot = receipt.slot.as_deref().unwrap_or("none");
    let result = if receipt.result == BootResult::Booted { "booted" } else { "did not boot" };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{result} slot {} in {:.0} ms, kernel {}, hardpan-boot {}",
        escape_str(slot),
        receipt.total_ms,
        escape_str(kernel),
        escape_str(&receipt.version)
    );
    for step in &receipt.steps {
        let subject =
            if step.subject.is_empty() { String::new() } else { format!(" {}", escape_str(&step.subject)) };
        let got = if step.got.is_empty() { String::new() } else { format!(": {}", escape_str(&step.got)) };
        let _ = writeln!(
            text,
            "  {:<7} {:>9.3} ms  {}{subject}{got}",
            step.outcome.word(),
            step.ms,
            escape_str(&step.step)
        );
        for line in &step.kernel {
            let _ = writeln!(text, "                      kernel: {}", escape_str(line));
        }
    }
    let _ = writeln!(text, "verdict: {}", judgement.verdict.word());
    for remark in &judgement.remarks {
        let _ = writeln!(text, "  {}", escape_str(&remark.to_string()));
    }
    text
}

fn as_json(receipt: &Receipt, judgement: &Judgement) -> Value {
    let remarks = judgement.remarks.iter().map(|remark| {
        json!({
            "kind": remark.kind.word(),
            "step": remark.step,
            "subject": remark.subject,
            "text": remark.text,
        })
    });
    json!({
        "verdict": judgement.verdict.word(),
        "remarks": remarks.collect::<Vec<_>>(),
        "result": if receipt.result == BootResult::Booted { "booted" } else { "failed" },
        "reason": receipt.reason,
        "slot": receipt.slot,
        "kernel": receipt.kernel,
        "version": receipt.version,
        "steps": receipt.steps.len(),
        "total_ms": receipt.total_ms,
    })
}
