//! `hardpan lockdown`: what a kernel is hardened by.

mod check;

use clap::Subcommand;

use crate::Context;

/// What to do with a kernel's hardening.
#[derive(Subcommand)]
pub(crate) enum LockdownCommand {
    Check(Box<check::CheckArgs>),
}

/// Runs the command and returns the exit code.
pub(crate) fn run(command: LockdownCommand, context: &Context) -> anyhow::Result<u8> {
    match command {
        LockdownCommand::Check(args) => check::run(&args, context),
    }
}
