//! veritysetup's command line, as its manual and its behaviour have it.
//!
//! Its options stand anywhere, before or after the action; `-h` is the hash algorithm and not help; an option that makes no
//! sense for an action is an error, as is a pair that excludes each other. Long options are not abbreviated. Numbers are
//! decimal or hexadecimal with 0x; its octal numbers with a leading 0 are refused here, since nobody means them.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser};

/// What is asked for, checked as far as the words alone go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Format { data: PathBuf, hash: PathBuf },
    Verify { data: PathBuf, hash: PathBuf, root: Option<String> },
    Open { data: PathBuf, name: String, hash: PathBuf, root: Option<String> },
    Close { name: String },
    Status { name: String },
    Dump { hash: PathBuf },
}

/// Why a command line is none.
#[derive(Debug)]
pub(super) enum Refused {
    /// Help or the version was asked for: print it and be done.
    Shown(String),
    /// The usage, then this line.
    Usage(String),
}

/// A drop-in for veritysetup
#[derive(Parser, Debug)]
#[command(
    name = "veritysetup",
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
#[command(override_usage = "veritysetup [OPTION...] <action> <action-specific>", max_term_width = 100)]
#[command(after_help = "\
<action> is one of:
  format <data_device> <hash_device>                        write the hash tree of a device
  verify <data_device> <hash_device> [<root_hash>]          verify a device
  open <data_device> <name> <hash_device> [<root_hash>]     open a device as <name>
  close <name>                                              remove the mapping
  status <name>                                             show the mapping
  dump <hash_device>                                        show the superblock

This is hardpan in veritysetup's place: the same options, lines and exit codes. Where veritysetup lets pass what the root hash
does not vouch for, it warns or refuses. `hardpan verity` has more.")]
struct Line {
    /// Show this help message
    #[arg(short = '?', long)]
    help: bool,
    /// Display brief usage
    #[arg(long)]
    usage: bool,
    /// Print package version
    #[arg(short = 'V', long)]
    version: bool,
    #[command(flatten)]
    options: Options,
    #[arg(hide = true)]
    words: Vec<String>,
}

/// The options, those of all actions.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Options {
    /// Cancel a previously set deferred device removal
    #[arg(long)]
    pub(super) cancel_deferred: bool,
    /// Verify a data block only the first time it is read
    #[arg(long)]
    pub(super) check_at_most_once: bool,
    /// Block size on the data device
    #[arg(long, value_name = "bytes", value_parser = number)]
    pub(super) data_block_size: Option<u64>,
    /// The number of blocks in the data file
    #[arg(long, value_name = "blocks", value_parser = number)]
    pub(super) data_blocks: Option<u64>,
    /// Show debug messages
    #[arg(long)]
    pub(super) debug: bool,
    /// Device removal is deferred until the last user closes it
    #[arg(long)]
    pub(super) deferred: bool,
    /// Path to the device with error correction data
    #[arg(long, value_name = "path")]
    pub(super) fec_device: Option<PathBuf>,
    /// Starting offset on the FEC device
    #[arg(long, value_name = "bytes", value_parser = number)]
    pub(super) fec_offset: Option<u64>,
    /// FEC parity bytes
    #[arg(long, value_name = "bytes", value_parser = number)]
    pub(super) fec_roots: Option<u64>,
    /// Format type (1 - normal, 0 - original Chrome OS)
    #[arg(long, value_name = "number", value_parser = number)]
    pub(super) format: Option<u64>,
    /// Hash algorithm
    #[arg(short = 'h', long, value_name = "string")]
    pub(super) hash: Option<String>,
    /// Block size on the hash device
    #[arg(long, value_name = "bytes", value_parser = number)]
    pub(super) hash_block_size: Option<u64>,
    /// Starting offset on the hash device
    #[arg(long, value_name = "bytes", value_parser = number)]
    pub(super) hash_offset: Option<u64>,
    /// Ignore corruption, log it only
    #[arg(long)]
    pub(super) ignore_corruption: bool,
    /// Do not verify zeroed blocks
    #[arg(long)]
    pub(super) ignore_zero_blocks: bool,
    /// Do not use a verity superblock
    #[arg(long)]
    pub(super) no_superblock: bool,
    /// Panic the kernel if corruption is detected
    #[arg(long)]
    pub(super) panic_on_corruption: bool,
    /// Restart the kernel if corruption is detected
    #[arg(long)]
    pub(super) restart_on_corruption: bool,
    /// Path to the root hash file
    #[arg(long, value_name = "STRING")]
    pub(super) root_hash_file: Option<PathBuf>,
    /// Path to the root hash signature file
    #[arg(long, value_name = "STRING")]
    pub(super) root_hash_signature: Option<PathBuf>,
    /// Salt
    #[arg(short = 's', long, value_name = "hex string", allow_hyphen_values = true)]
    pub(super) salt: Option<String>,
    /// Use kernel tasklets for performance
    #[arg(long)]
    pub(super) use_tasklets: bool,
    /// UUID for the device to use
    #[arg(long, value_name = "STRING")]
    pub(super) uuid: Option<String>,
    /// Show more detailed error messages
    #[arg(short = 'v', long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,
}

/// Reads the words after the program's name.
pub(super) fn parse(
    words: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<(Action, Options), Refused> {
    let command = Line::command().args_override_self(true).no_binary_name(true);
    let line = command.try_get_matches_from(words).and_then(|matches| Line::from_arg_matches(&matches));
    let line = line.map_err(|error| Refused::Usage(first_line(&error)))?;
    if line.help || line.usage {
        let mut command = Line::command();
        let shown = if line.help { command.render_long_help() } else { command.render_usage() };
        return Err(Refused::Shown(shown.to_string()));
    }
    if line.version {
        return Err(Refused::Shown(format!("veritysetup (hardpan {})\n", env!("CARGO_PKG_VERSION"))));
    }
    let action = action(&line.words)?;
    check_options(&action, &line.options)?;
    Ok((action, line.options))
}

/// The action with its words; what stands after them is passed over, as veritysetup does.
fn action(words: &[String]) -> Result<Action, Refused> {
    let Some((name, rest)) = words.split_first() else {
        return Err(refuse("Argument <action> missing."));
    };
    let requires = |what: &str| refuse(&format!("{name}: requires {what} as arguments"));
    let path = |at: usize| PathBuf::from(&rest[at]);
    let word = |at: usize| rest.get(at).cloned();
    match (name.as_str(), rest.len()) {
        ("format", 2..) => Ok(Action::Format { data: path(0), hash: path(1) }),
        ("format", _) => Err(requires("<data_device> <hash_device>")),
        ("verify", 2..) => Ok(Action::Verify { data: path(0), hash: path(1), root: word(2) }),
        ("verify", _) => Err(requires("<data_device> <hash_device> [<root_hash>]")),
        ("open", 3..) => {
            Ok(Action::Open { data: path(0), name: rest[1].clone(), hash: path(2), root: word(3) })
        }
        ("open", _) => Err(requires("<data_device> <name> <hash_device> [<root_hash>]")),
        // The order of old: the name first.
        ("create", 3..) => {
            Ok(Action::Open { data: path(1), name: rest[0].clone(), hash: path(2), root: word(3) })
        }
        ("create", _) => Err(requires("<name> <data_device> <hash_device> [<root_hash>]")),
        ("close" | "remove", 1..) => Ok(Action::Close { name: rest[0].clone() }),
        ("status", 1..) => Ok(Action::Status { name: rest[0].clone() }),
        ("close" | "remove" | "status", _) => Err(requires("<name>")),
        ("dump", 1..) => Ok(Action::Dump { hash: path(0) }),
        ("dump", _) => Err(requires("<hash_device>")),
        _ => Err(refuse("Unknown action.")),
    }
}

/// Refuses options that the action has no use for, and pairs that exclude each other.
fn check_options(action: &Action, options: &Options) -> Result<(), Refused> {
    let (name, opens, roots, closes) = match action {
        Action::Format { .. } => ("format", false, true, false),
        Action::Verify { .. } => ("verify", false, true, false),
        Action::Open { .. } => ("open", true, true, false),
        Action::Close { .. } => ("close", false, false, true),
        Action::Status { .. } => ("status", false, false, false),
        Action::Dump { .. } => ("dump", false, false, false),
    };
    let given = [
        ("root-hash-file", options.root_hash_file.is_some(), roots),
        ("root-hash-signature", options.root_hash_signature.is_some(), opens),
        ("ignore-corruption", options.ignore_corruption, opens),
        ("restart-on-corruption", options.restart_on_corruption, opens),
        ("panic-on-corruption", options.panic_on_corruption, opens),
        ("ignore-zero-blocks", options.ignore_zero_blocks, opens),
        ("use-tasklets", options.use_tasklets, opens),
        ("check-at-most-once", options.check_at_most_once, opens),
        ("deferred", options.deferred, closes),
        ("cancel-deferred", options.cancel_deferred, closes),
    ];
    if let Some((option, ..)) = given.iter().find(|(_, given, allowed)| *given && !allowed) {
        return Err(refuse(&format!("Option --{option} is not allowed with {name} action.")));
    }
    let together =
        |first, second| Err(refuse(&format!("Option --{first} and --{second} cannot be used together.")));
    match (options.ignore_corruption, options.restart_on_corruption, options.panic_on_corruption) {
        (true, true, _) => together("ignore-corruption", "restart-on-corruption"),
        (_, true, true) => together("panic-on-corruption", "restart-on-corruption"),
        (true, _, true) => together("ignore-corruption", "panic-on-corruption"),
        _ if options.deferred && options.cancel_deferred => {
            Err(refuse("Options --cancel-deferred and --deferred cannot be used at the same time."))
        }
        _ => Ok(()),
    }
}

impl Options {
    /// `--data-blocks`, where 0 means all there are.
    pub(super) fn data_blocks(&self) -> Option<NonZeroU64> {
        self.data_blocks.and_then(NonZeroU64::new)
    }
}

fn refuse(message: &str) -> Refused {
    Refused::Usage(format!("veritysetup: {message}"))
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    format!("veritysetup: {}", line.strip_prefix("error: ").unwrap_or(line))
}

fn number(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0')) => {
            text.parse().ok()
        }
        _ => None,
    };
    number.ok_or_else(|| "invalid numeric value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(Action, Options), Refused> {
        parse(line.split(' ').map(Into::into))
    }

    fn refused(line: &str) -> String {
        match read(line) {
            Err(Refused::Usage(message)) => message,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_stand_anywhere() {
        let wanted = Action::Format { data: "d".into(), hash: "h".into() };
        for line in [
            "format d h --salt aa -h sha1",
            "-s aa --hash=sha1 format d h",
            "format -s aa d -h sha1 h",
            "format d h extra -saa -hsha1",
        ] {
            let (action, options) = read(line).unwrap();
            assert_eq!((&action, options.salt.as_deref()), (&wanted, Some("aa")), "{line}");
            assert_eq!(options.hash.as_deref(), Some("sha1"));
        }
        assert_eq!(read("format d h --salt=-").unwrap().1.salt.as_deref(), Some("-"));
        assert_eq!(read("format d h --hash-offset=0x1000").unwrap().1.hash_offset, Some(4096));
        assert_eq!(read("create n d h r").unwrap().0, read("open d n h r").unwrap().0);
        assert_eq!(read("remove n").unwrap().0, Action::Close { name: "n".into() });
    }

    #[test]
    fn what_veritysetup_refuses_is_refused() {
        let cases = [
            ("--verbose", "veritysetup: Argument <action> missing."),
            ("frob", "veritysetup: Unknown action."),
            ("format d", "veritysetup: format: requires <data_device> <hash_device> as arguments"),
            ("dump", "veritysetup: dump: requires <hash_device> as arguments"),
            ("format d h --deferred", "veritysetup: Option --deferred is not allowed with format action."),
            (
                "verify d h --root-hash-signature=x",
                "veritysetup: Option --root-hash-signature is not allowed with verify action.",
            ),
            (
                "open d n h r --ignore-corruption --restart-on-corruption",
                "veritysetup: Option --ignore-corruption and --restart-on-corruption cannot be used together.",
            ),
        ];
        for (line, message) in cases {
            assert_eq!(refused(line), message);
        }
        for line in [
            "format d h --hash-off=1",
            "format d h --bogus",
            "format d h --hash-offset=-1",
            "format d h --hash-offset=4k",
            "format d h --hash-offset=010",
            "format d h --hash-offset=0x+1",
        ] {
            assert!(refused(line).starts_with("veritysetup: "), "{line}");
        }
    }

    #[test]
    fn help_is_no_error() {
        for (line, text) in [
            ("-?", "<action> is one of"),
            ("--help", "--fec-roots"),
            ("--usage", "<action>"),
            ("-V", "hardpan"),
        ] {
            assert!(matches!(read(line), Err(Refused::Shown(shown)) if shown.contains(text)), "{line}");
        }
    }
}
