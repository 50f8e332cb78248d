//! `hardpan lockdown`: what a kernel is hardened by, what boots a verified root, and how a boot went.

mod apply;
mod check;
mod generate;
mod plan;
mod receipt;

use clap::Subcommand;

use crate::Context;

/// What to do about boot and kernel.
#[derive(Subcommand)]
pub(crate) enum LockdownCommand {
    Check(Box<check::CheckArgs>),
    Apply(apply::ApplyArgs),
    Generate(Box<generate::GenerateArgs>),
    Plan(Box<plan::PlanArgs>),
    Receipt(receipt::ReceiptArgs),
}

/// The exit code for what is not as it should be.
const DISAGREES: u8 = 1;

/// Runs the command and returns the exit code.
pub(crate) fn run(command: LockdownCommand, context: &Context) -> anyhow::Result<u8> {
    match command {
        LockdownCommand::Check(args) => check::run(&args, context),
        LockdownCommand::Apply(args) => apply::run(&args),
        LockdownCommand::Generate(args) => generate::run(&args, context),
        LockdownCommand::Plan(args) => plan::run(&args, context),
        LockdownCommand::Receipt(args) => receipt::run(&args),
    }
}
