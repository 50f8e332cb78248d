//! secilc's command line, as its manual and its behaviour have it.
//!
//! Options stand anywhere before `--`, may be abbreviated as long as that is unambiguous, and the last one counts. Its long
//! names are `--policyversion` and `--filecontexts`, not the shorter ones in its manual, which it takes as abbreviations.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};
use hardpan_selinux_policy::ir::HandleUnknown;
use hardpan_selinux_policy::policydb::Target;
use hardpan_selinux_policy::{Compat, DEFAULT_EXPAND_SIZE, DEFAULT_VERSION, Options};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) options: Options,
    pub(super) files: Vec<PathBuf>,
    pub(super) policy: PathBuf,
    pub(super) file_contexts: PathBuf,
    /// How often `-v` was given.
    pub(super) verbosity: u8,
}

/// Why a command line is none.
#[derive(Debug)]
pub(super) enum Refused {
    /// Help was asked for: print it and be done.
    Shown(String),
    /// What is wrong.
    Usage(String),
}

/// A drop-in for secilc
#[derive(Parser, Debug)]
#[command(name = "secilc", disable_help_flag = true, infer_long_args = true, max_term_width = 100)]
#[command(override_usage = "secilc [OPTION]... FILE...")]
#[command(after_help = "\
This is hardpan in secilc's place: the same options, files and exit codes, and the same bytes. \
An option that does not exist is an error here. HARDPAN_SECILC_COMPAT=3.4 gives the bytes of releases before 3.6. \
`hardpan policy compile` has more.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Line {
    /// Write the binary policy to this file [default: policy.VERSION]
    #[arg(short, long, value_name = "file", allow_hyphen_values = true)]
    output: Option<PathBuf>,
    /// Write file contexts to this file
    #[arg(short, long, value_name = "file", default_value = "file_contexts", allow_hyphen_values = true)]
    filecontexts: PathBuf,
    /// Who enforces the policy: selinux or xen
    #[arg(short, long, value_name = "type", default_value = "selinux", value_parser = target)]
    target: Target,
    /// Whether contexts have levels, true or false, whatever the policy says
    #[arg(short = 'M', long, value_name = "true|false", value_parser = boolean)]
    mls: Option<bool>,
    /// The version of the binary policy, 30 to 35
    #[arg(short = 'c', long, value_name = "version", default_value_t = DEFAULT_VERSION, value_parser = version,
        allow_hyphen_values = true)]
    policyversion: u32,
    /// How to handle unknown classes or permissions: deny, allow or reject, whatever the policy says
    #[arg(short = 'U', long, value_name = "action", value_parser = handle_unknown)]
    handle_unknown: Option<HandleUnknown>,
    /// Leave out dontaudit rules
    #[arg(short = 'D', long)]
    disable_dontaudit: bool,
    /// Treat tunables as booleans
    #[arg(short = 'P', long)]
    preserve_tunables: bool,
    /// Allow names with dots, and no blocks
    #[arg(short = 'Q', long)]
    qualified_names: bool,
    /// Allow some statements to be declared again
    #[arg(short, long)]
    multiple_decls: bool,
    /// Do not check neverallow rules and bounds
    #[arg(short = 'N', long)]
    disable_neverallow: bool,
    /// Expand and remove generated attributes
    #[arg(short = 'G', long)]
    expand_generated: bool,
    /// Expand attributes with fewer members than this
    #[arg(short = 'X', long, value_name = "size", default_value_t = DEFAULT_EXPAND_SIZE, value_parser = expand_size,
        allow_hyphen_values = true)]
    expand_size: u32,
    /// Leave out redundant rules
    #[arg(short = 'O', long)]
    optimize: bool,
    /// Tell warnings; twice, also which optional blocks are switched off
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Show this help
    #[arg(short, long)]
    help: bool,
    #[arg(hide = true)]
    files: Vec<PathBuf>,
}

/// Reads the words after the program's name.
pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, Refused> {
    let command = Line::command().args_override_self(true).no_binary_name(true);
    let line = command.try_get_matches_from(words).and_then(|matches| Line::from_arg_matches(&matches));
    let line = line.map_err(|error| Refused::Usage(first_line(&error)))?;
    if line.help {
        return Err(Refused::Shown(Line::command().render_help().to_string()));
    }
    if line.files.is_empty() {
        return Err(Refused::Usage("secilc: No cil files specified".to_owned()));
    }
    let compat = match std::env::var_os("HARDPAN_SECILC_COMPAT") {
        None => Compat::default(),
        Some(release) if release == "3.6" => Compat::V3_6,
        Some(release) if release == "3.4" => Compat::V3_4,
        Some(_) => {
            return Err(Refused::Usage("secilc: HARDPAN_SECILC_COMPAT may be 3.4 or 3.6".to_owned()));
        }
    };
    Ok(line.asked(compat))
}

impl Line {
    fn asked(self, compat: Compat) -> Asked {
        let default = PathBuf::from(format!("policy.{}", self.policyversion));
        let options = Options {
            version: self.policyversion,
            target: self.target,
            compat,
            mls: self.mls,
            handle_unknown: self.handle_unknown,
            disable_dontaudit: self.disable_dontaudit,
            disable_neverallow: self.disable_neverallow,
            preserve_tunables: self.preserve_tunables,
            multiple_declarations: self.multiple_decls,
            qualified_names: self.qualified_names,
            expand_generated: self.expand_generated,
            expand_size: self.expand_size,
            optimize: self.optimize,
            canonical: false,
        };
        Asked {
            options,
            files: self.files,
            policy: self.output.unwrap_or(default),
            file_contexts: self.filecontexts,
            verbosity: self.verbose,
        }
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    format!("secilc: {}", line.strip_prefix("error: ").unwrap_or(line))
}

fn target(text: &str) -> Result<Target, String> {
    match text {
        "selinux" => Ok(Target::Selinux),
        "xen" => Ok(Target::Xen),
        _ => Err("it is selinux or xen".to_owned()),
    }
}

/// In any case of letters, as secilc reads it.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("it is true or false".to_owned()),
    }
}

fn handle_unknown(text: &str) -> Result<HandleUnknown, String> {
    match text.to_ascii_lowercase().as_str() {
        "deny" => Ok(HandleUnknown::Deny),
        "allow" => Ok(HandleUnknown::Allow),
        "reject" => Ok(HandleUnknown::Reject),
        _ => Err("it is deny, allow or reject".to_owned()),
    }
}

fn version(text: &str) -> Result<u32, String> {
    match text.trim_start().parse() {
        Ok(version @ 30..=35) => Ok(version),
        // secilc writes these too; no kernel since 4.14 needs them.
        Ok(15..=29) => Err("versions before 30 are not written".to_owned()),
        _ => Err("policy versions are 30 to 35".to_owned()),
    }
}

/// More than any policy has types is as good as the most that fits.
fn expand_size(text: &str) -> Result<u32, String> {
    let size: u64 = text.trim_start().parse().map_err(|_| "bad attribute expand size".to_owned())?;
    Ok(u32::try_from(size).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, Refused> {
        parse(line.split_whitespace().map(Into::into))
    }

    fn refused(line: &str) -> String {
        match read(line) {
            Err(Refused::Usage(message)) => message,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_stand_anywhere_and_may_be_abbreviated() {
        for line in [
            "-c 31 a.cil b.cil -o x -DO",
            "a.cil --policyvers=31 b.cil --out x -D --opt",
            "--policyversion 31 -ox --disable-d --optimize a.cil -- b.cil",
            "-c30 -c31 -oy -ox -OD a.cil b.cil",
        ] {
            let asked = read(line).unwrap();
            assert_eq!((asked.options.version, &*asked.policy), (31, "x".as_ref()), "{line}");
            assert_eq!(asked.files, ["a.cil", "b.cil"].map(PathBuf::from), "{line}");
            assert!(asked.options.disable_dontaudit && asked.options.optimize, "{line}");
        }
        assert_eq!(read("--filecontext=x a").unwrap().file_contexts, PathBuf::from("x"));
        assert_eq!(read("-- -c").unwrap().files, [PathBuf::from("-c")]);
    }

    #[test]
    fn defaults_are_those_of_secilc() {
        let asked = read("a.cil").unwrap();
        assert_eq!(asked.policy, PathBuf::from("policy.33"));
        assert_eq!(asked.file_contexts, PathBuf::from("file_contexts"));
        assert_eq!((asked.options.expand_size, asked.options.mls, asked.verbosity), (1, None, 0));
        assert_eq!(read("-c 30 a.cil").unwrap().policy, PathBuf::from("policy.30"));
    }

    #[test]
    fn values_are_read_as_secilc_reads_them() {
        assert_eq!(read("-M TRUE a").unwrap().options.mls, Some(true));
        assert_eq!(read("--mls=false a").unwrap().options.mls, Some(false));
        assert_eq!(read("-U DENY a").unwrap().options.handle_unknown, Some(HandleUnknown::Deny));
        assert_eq!(read("-c +31 a").unwrap().options.version, 31);
        assert_eq!(read("-X +3 a").unwrap().options.expand_size, 3);
        assert_eq!(read("-X 99999999999 a").unwrap().options.expand_size, u32::MAX);
        assert_eq!(read("-vvv a").unwrap().verbosity, 3);
        assert_eq!(read("-t xen a").unwrap().options.target, Target::Xen);
    }

    #[test]
    fn what_secilc_refuses_is_refused_and_what_it_passes_over_too() {
        for line in [
            "",
            "-c 31",
            "a -c",
            "a -c 31x",
            "a -c 0x1f",
            "a -c -31",
            "a -c 99",
            "a -c 14",
            "a -M maybe",
            "a -U no",
            "a -t SELINUX",
            "a -X -1",
            "a -X abc",
            "a -X 0x10",
            "a --o=y",
            "a --disable",
            "a --expand=3",
            "a --policyversions=31",
            "a -z",
            "a --zoo",
        ] {
            assert!(refused(line).starts_with("secilc: "), "{line}");
        }
    }

    #[test]
    fn help_names_every_option() {
        let Err(Refused::Shown(help)) = read("--help") else { panic!("help is shown") };
        for option in ["--output", "--filecontexts", "-X", "-Q", "-G", "--verbose", "--policyversion"] {
            assert!(help.contains(option), "{option}");
        }
    }
}
