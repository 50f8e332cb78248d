//! `hardpan lockdown`: what boots a verified root, and how the kernel is hardened.

mod generate;

use clap::Subcommand;

use crate::Context;

/// What to do about boot and kernel.
#[derive(Subcommand)]
pub(crate) enum LockdownCommand {
    Generate(Box<generate::GenerateArgs>),
}

/// The exit code for what is not as it should be.
const DISAGREES: u8 = 1;

/// Runs the command and returns the exit code.
pub(crate) fn run(command: LockdownCommand, context: &Context) -> anyhow::Result<u8> {
    match command {
        LockdownCommand::Generate(args) => generate::run(&args, context),
    }
}
