//! `hardpan verity`: dm-verity hash trees.

mod args;
mod check_signature;
mod close;
mod cmdline;
mod compare;
mod device;
mod digest;
mod dump;
mod emit;
mod fec;
mod files;
mod format;
pub(crate) mod image;
mod input;
mod manifest;
mod open;
mod output;
mod plan;
mod repair;
mod sign;
mod signing;
mod size;
mod status;
mod subject;
mod verify;
pub(crate) mod veritysetup;

use std::sync::atomic::Ordering;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::compare::CompareArgs;
use self::dump::DumpArgs;
use self::emit::EmitArgs;
use self::format::FormatArgs;
use self::plan::PlanArgs;
use self::verify::VerifyArgs;
use crate::Context;

/// The exit code for a verification that failed.
const CORRUPT: u8 = 1;

/// What to do with a hash tree.
#[derive(Subcommand)]
pub(crate) enum VerityCommand {
    Format(Box<FormatArgs>),
    Verify(Box<VerifyArgs>),
    Repair(Box<repair::RepairArgs>),
    Dump(DumpArgs),
    Sign(sign::SignArgs),
    CheckSignature(check_signature::CheckSignatureArgs),
    Plan(PlanArgs),
    Emit(Box<EmitArgs>),
    Compare(Box<CompareArgs>),
    Digest(digest::DigestArgs),
    Manifest(manifest::ManifestArgs),
    Open(open::OpenArgs),
    Close(close::CloseArgs),
    Status(status::StatusArgs),
}

/// Runs the command and returns the exit code.
pub(crate) fn run(command: VerityCommand, context: &Context) -> anyhow::Result<u8> {
    match command {
        VerityCommand::Format(args) => format::run(&args, context),
        VerityCommand::Verify(args) => verify::run(&args, context),
        VerityCommand::Repair(args) => repair::run(&args, context),
        VerityCommand::Dump(args) => dump::run(&args),
        VerityCommand::Sign(args) => sign::run(&args, context),
        VerityCommand::CheckSignature(args) => check_signature::run(&args),
        VerityCommand::Plan(args) => plan::run(&args),
        VerityCommand::Emit(args) => emit::run(&args),
        VerityCommand::Compare(args) => compare::run(&args, context),
        VerityCommand::Digest(args) => digest::run(&args, context),
        VerityCommand::Manifest(args) => manifest::run(&args, context),
        VerityCommand::Open(args) => open::run(&args, context),
        VerityCommand::Close(args) => close::run(&args),
        VerityCommand::Status(args) => status::run(&args),
    }
}

/// Runs `work` with a progress callback that shows a bar of `bytes`, if somebody watches, and stops on a signal.
fn with_progress<T>(
    context: &Context,
    bytes: u64,
    work: impl FnOnce(hardpan_verity::Progress<'_>) -> T,
) -> T {
    let target = if context.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    let result = work(&|done| {
        bar.inc(done);
        !context.cancelled.load(Ordering::Relaxed)
    });
    bar.finish_and_clear();
    result
}
