//! `hardpan veritysetup`, and `hardpan` called by the name veritysetup: its options, its lines, its exit codes.
//!
//! What writes or shows something is the command of `hardpan verity` with the same words; only verification has a face of its
//! own, since veritysetup takes all parameters from the superblock and lets bytes pass that the root hash does not cover.
//! Those stay warnings here. What would say that damaged data is sound is not imitated: data is what the root hash stands
//! for, or the exit code is not 0.

mod args;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use hardpan_lockdown::mapping::{CloseError, StatusError};
use hardpan_verity::ParamError;

use self::args::{Action, Options, Refused};
use super::VerityCommand;
use crate::Context;
use crate::context::Interrupted;

/// The words after `veritysetup`.
#[derive(clap::Args)]
pub(crate) struct FrontArgs {
    /// What veritysetup takes: see `hardpan veritysetup --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Runs `hardpan veritysetup`.
pub(crate) fn run(args: FrontArgs, context: &Context) -> u8 {
    front(args.words, context)
}

/// Runs what the words ask for and returns veritysetup's exit code.
pub(crate) fn front(words: Vec<OsString>, context: &Context) -> u8 {
    let (action, options) = match args::parse(words) {
        Ok(parsed) => parsed,
        Err(Refused::Shown(text)) => return shown(&text),
        Err(Refused::Usage(message)) => return usage(&message),
    };
    let code = match act(&action, &options, context) {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            say(&format!("{error:#}"));
            return crate::exit::INTERRUPTED;
        }
        Err(error) => {
            if matches!(error.downcast_ref(), Some(ParamError::RootHash { .. })) {
                say("Invalid root hash string specified.");
            }
            say(&format!("{error:#}"));
            code_of(&error)
        }
    };
    if options.verbose || options.debug {
        let _ = writeln!(io::stdout(), "{}", outcome(code));
    }
    code
}

fn act(action: &Action, options: &Options, context: &Context) -> anyhow::Result<u8> {
    match action {
        Action::Format { data, .. } => check_device(data)?,
        Action::Verify { data, hash, .. } | Action::Open { data, hash, .. } => {
            check_device(data)?;
            check_device(hash)?;
        }
        Action::Dump { hash } => check_device(hash)?,
        Action::Close { .. } | Action::Status { .. } => {}
    }
    if let Action::Verify { hash, .. } | Action::Open { hash, .. } = action
        && !options.no_superblock
    {
        verify::check_superblock(hash, options)?;
    }
    let words = native_words(action, options)?;
    let command = Native::command().no_binary_name(true).try_get_matches_from(words);
    let native =
        command.and_then(|matches| Native::from_arg_matches(&matches)).map_err(|error| reason(&error))?;
    let code = match native.command {
        VerityCommand::Verify(args) => return verify::run(&args, context),
        command => super::run(command, context)?,
    };
    // To `hardpan verity`, 1 is corruption; of what is open that is a thing to show and no failure.
    Ok(match action {
        Action::Status { .. } => 0,
        Action::Open { .. } if code != 0 => NO_PERMISSION,
        _ => code,
    })
}

/// The command line of `hardpan verity` that does the same.
#[derive(Parser)]
struct Native {
    #[command(subcommand)]
    command: VerityCommand,
}

fn native_words(action: &Action, options: &Options) -> anyhow::Result<Vec<OsString>> {
    let mut words: Vec<OsString> = match action {
        Action::Format { data, hash } => vec!["format".into(), data.into(), hash.into()],
        Action::Verify { data, hash, .. } => vec!["verify".into(), data.into(), hash.into()],
        Action::Open { data, name, hash, .. } => vec!["open".into(), data.into(), name.into(), hash.into()],
        Action::Close { name } => vec!["close".into(), name.into()],
        Action::Status { name } => vec!["status".into(), name.into()],
        Action::Dump { hash } => vec!["dump".into(), hash.into()],
    };
    if let Action::Verify { root, .. } | Action::Open { root, .. } = action {
        words.extend(root.as_ref().filter(|_| options.root_hash_file.is_none()).map(OsString::from));
    }
    match action {
        Action::Format { .. } => {
            words.extend(tree_words(options, !options.no_superblock));
            words.push("--danger-allow-weak-hash".into());
        }
        Action::Verify { data, .. } => words.extend(known_words(data, options)?),
        Action::Open { data, .. } => {
            words.extend(known_words(data, options)?);
            words.extend(reaction_words(options));
        }
        Action::Close { .. } => {
            words.extend(options.deferred.then(|| "--deferred".into()));
            words.extend(options.cancel_deferred.then(|| "--cancel-deferred".into()));
        }
        Action::Dump { .. } => words.extend(option("--hash-offset", options.hash_offset)),
        Action::Status { .. } => {}
    }
    Ok(words)
}

/// The options that say what a tree is and where.
fn tree_words(options: &Options, uuid: bool) -> Vec<OsString> {
    let all = [
        option("--format", options.format),
        option("--hash", options.hash.as_ref()),
        option("--data-block-size", options.data_block_size),
        option("--hash-block-size", options.hash_block_size),
        option("--data-blocks", options.data_blocks()),
        option("--hash-offset", options.hash_offset),
        option("--salt", options.salt.as_ref()),
        option("--uuid", options.uuid.as_ref().filter(|_| uuid)),
        path("--root-hash-file", options.root_hash_file.as_deref()),
        path("--fec-device", options.fec_device.as_deref()),
        // Without parity veritysetup passes over what would describe it.
        option("--fec-roots", options.fec_roots.filter(|_| options.fec_device.is_some())),
        option("--fec-offset", options.fec_offset.filter(|_| options.fec_device.is_some())),
        options.no_superblock.then(|| "--no-superblock".into()),
    ];
    all.into_iter().flatten().collect()
}

/// What the tree is: as the superblock has it, which veritysetup trusts, or as the options have it.
fn known_words(data: &Path, options: &Options) -> anyhow::Result<Vec<OsString>> {
    let mut options = options.clone();
    if options.no_superblock {
        anyhow::ensure!(options.salt.is_some(), "without a superblock, give --salt (- for none)");
        if options.data_blocks().is_none() {
            options.data_blocks = Some(verify::whole_blocks(data, &options)?);
        }
    } else {
        (options.format, options.hash, options.salt) = (None, None, None);
        (options.data_block_size, options.hash_block_size, options.data_blocks) = (None, None, None);
    }
    let mut words = tree_words(&options, false);
    words.extend((!options.no_superblock).then(|| "--trust-superblock".into()));
    words.push("--danger-allow-weak-hash".into());
    Ok(words)
}

/// What the kernel is to do.
fn reaction_words(options: &Options) -> Vec<OsString> {
    let flags = [
        (options.ignore_corruption, "--danger-ignore-corruption"),
        (options.restart_on_corruption, "--restart-on-corruption"),
        (options.panic_on_corruption, "--panic-on-corruption"),
        (options.ignore_zero_blocks, "--ignore-zero-blocks"),
        (options.check_at_most_once, "--danger-check-at-most-once"),
        (options.use_tasklets, "--use-tasklets"),
    ];
    let flags = flags.iter().filter(|(given, _)| *given).map(|(_, word)| word.into());
    flags.chain(path("--root-hash-signature", options.root_hash_signature.as_deref())).collect()
}

fn option(name: &str, value: Option<impl std::fmt::Display>) -> Option<OsString> {
    value.map(|value| format!("{name}={value}").into())
}

fn path(name: &str, value: Option<&Path>) -> Option<OsString> {
    let mut word = OsString::from(name);
    word.push("=");
    word.push(value?);
    Some(word)
}

/// A device that is not there or is none, as veritysetup says it.
#[derive(Debug)]
enum DeviceError {
    Missing(String),
    Incompatible(String),
}

impl std::fmt::Display for DeviceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "Device {name} does not exist or access denied."),
            Self::Incompatible(name) => write!(f, "Device {name} is not compatible."),
        }
    }
}

impl std::error::Error for DeviceError {}

fn check_device(path: &Path) -> Result<(), DeviceError> {
    use std::os::unix::fs::FileTypeExt as _;

    let name = path.display().to_string();
    let kind = match path.metadata() {
        Ok(metadata) => metadata.file_type(),
        Err(_) => return Err(DeviceError::Missing(name)),
    };
    if kind.is_file() || kind.is_block_device() { Ok(()) } else { Err(DeviceError::Incompatible(name)) }
}

fn code_of(error: &anyhow::Error) -> u8 {
    let absent = matches!(error.downcast_ref(), Some(CloseError::Absent))
        || matches!(error.downcast_ref(), Some(StatusError::Absent));
    match () {
        () if absent || error.is::<DeviceError>() => WRONG_DEVICE,
        () if matches!(error.downcast_ref(), Some(CloseError::Busy { .. })) => BUSY,
        () => WRONG_PARAMETERS,
    }
}

/// What veritysetup says of its exit code when it is asked to say more.
fn outcome(code: u8) -> String {
    let reason = match code {
        0 => return "Command successful.".to_owned(),
        WRONG_PARAMETERS => "wrong or missing parameters",
        NO_PERMISSION => "no permission or bad passphrase",
        WRONG_DEVICE => "wrong device or file specified",
        BUSY => "device already exists or device is busy",
        _ => "unknown error",
    };
    format!("Command failed with code -{code} ({reason}).")
}

fn reason(error: &clap::Error) -> anyhow::Error {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    anyhow::anyhow!("{}", line.strip_prefix("error: ").unwrap_or(line))
}

fn shown(text: &str) -> u8 {
    let mut stdout = io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
    0
}

fn usage(message: &str) -> u8 {
    say("Usage: veritysetup [OPTION...] <action> <action-specific>");
    say(message);
    WRONG_PARAMETERS
}

/// A line on standard error, whose control characters cannot drive a terminal.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", crate::printable(line));
}

const WRONG_PARAMETERS: u8 = 1;
/// Also what does not verify.
const NO_PERMISSION: u8 = 2;
const WRONG_DEVICE: u8 = 4;
const BUSY: u8 = 5;
