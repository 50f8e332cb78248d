//! The `hardpan` command.

mod cmd;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};

use crate::cmd::verity::{self, VerityCommand};

/// Security hardening and integrity verification for minimal, image-based Linux hosts.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// dm-verity hash trees: make them, verify them, show their superblocks
    #[command(subcommand)]
    Verity(VerityCommand),
}

/// What every command gets from its surroundings.
pub(crate) struct Context {
    /// Set by SIGINT and SIGTERM: stop, and leave nothing half done.
    pub(crate) cancelled: Arc<AtomicBool>,
    /// Whether somebody watches standard error.
    pub(crate) progress: bool,
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let result = context().and_then(|context| match command {
        Command::Verity(command) => verity::run(command, &context),
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nobody is left to be told if standard error is closed.
            let _ = writeln!(io::stderr(), "hardpan: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn context() -> anyhow::Result<Context> {
    let cancelled = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&cancelled))?;
    }
    Ok(Context { cancelled, progress: io::stderr().is_terminal() })
}
