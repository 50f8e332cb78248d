//! A kernel's build configuration.

use std::borrow::Cow;
use std::collections::HashMap;

use hardpan_report::Location;
use thiserror::Error;

use crate::{Arch, KernelVersion};

/// A `.config`: options by name, without the `CONFIG_` prefix.
#[derive(Clone, Debug)]
pub struct Kconfig {
    options: HashMap<String, (Value, u32)>,
    /// The file it was read from.
    pub origin: Location,
    /// What its header says that it is for: `Linux/x86 6.1.0`.
    header: Option<String>,
}

/// Most are one of three letters.
type Value = Cow<'static, str>;

/// Why a text is no build configuration. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct KconfigError {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: usize,
    /// What is wrong there.
    pub fault: KconfigFault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KconfigFault {
    /// It is neither an option, nor `# CONFIG_X is not set`, nor a comment, nor empty.
    #[error(
        "this is no line of a kernel's build configuration: `CONFIG_NAME=value` or `# CONFIG_NAME is not set`"
    )]
    Form,
    /// The name has other characters than letters, digits and `_`.
    #[error("an option's name has only letters, digits and _")]
    Name,
    /// The value is neither y, m, a number, nor a string in quotes.
    #[error("a value is y, m, n, a number, or a string in double quotes")]
    Value,
    /// An earlier line gives the option another value.
    #[error("CONFIG_{option} is `{now}` here and `{before}` in line {at}")]
    Twice {
        /// The option.
        option: String,
        /// Its value in the earlier line.
        before: String,
        /// Its value in this line.
        now: String,
        /// The earlier line.
        at: u32,
    },
}

impl Kconfig {
    /// Reads `CONFIG_X=value` and `# CONFIG_X is not set` lines; everything else is a comment.
    pub fn parse(text: &str, origin: Location) -> Self {
        let mut config = Self::empty(text, origin);
        for (number, line) in (1..).zip(text.lines()) {
            config.note_header(line);
            if let Ok(Some((name, value))) = option(line) {
                config.options.insert(name.to_owned(), (value, number));
            }
        }
        config
    }

    /// Reads what `make` writes, and nothing else: other lines, and an option with two values, are errors.
    pub fn parse_strict(text: &str, origin: Location) -> Result<Self, KconfigError> {
        let mut config = Self::empty(text, origin);
        for (number, line) in (1..).zip(text.lines()) {
            config.note_header(line);
            let at = |(column, fault)| KconfigError { line: number, column, fault };
            let Some((name, value)) = option(line).map_err(at)? else { continue };
            let before = config.options.insert(name.to_owned(), (value.clone(), number));
            if let Some((before, earlier)) = before
                && before != value
            {
                let (before, now) = (before.into_owned(), value.into_owned());
                let twice = KconfigFault::Twice { option: name.to_owned(), before, now, at: earlier };
                return Err(at((1, twice)));
            }
        }
        Ok(config)
    }

    fn empty(text: &str, origin: Location) -> Self {
        Self { options: HashMap::with_capacity(text.len() / MEAN_LINE), origin, header: None }
    }

    /// `# Linux/x86 6.1.0 Kernel Configuration`, as scripts/kconfig writes it.
    fn note_header(&mut self, line: &str) {
        let header =
            line.strip_prefix("# Linux/").and_then(|rest| rest.strip_suffix(" Kernel Configuration"));
        if let (Some(header), None) = (header, &self.header) {
            self.header = Some(header.to_owned());
        }
    }

    /// The value of an option and its line. An option that the file does not mention was not offered to this kernel and
    /// counts as `n`, without a line.
    pub fn get(&self, name: &str) -> (&str, Option<u32>) {
        self.options.get(name).map_or(("n", None), |(value, line)| (&**value, Some(*line)))
    }

    /// Whether an option is built in.
    pub fn is_built_in(&self, name: &str) -> bool {
        self.get(name).0 == "y"
    }

    /// Where an option is set, for findings.
    pub fn place(&self, name: &str) -> Location {
        Location { line: self.get(name).1, ..self.origin.clone() }
    }

    /// The options that it mentions, by name.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut options: Vec<_> = self.options.iter().map(|(name, (value, _))| (&**name, &**value)).collect();
        options.sort_unstable();
        options.into_iter()
    }

    /// The architecture that the kernel is built for, if it is one that is known here.
    pub fn arch(&self) -> Option<Arch> {
        match self.header.as_deref().and_then(|header| header.split(' ').next()) {
            Some("x86_64") => Some(Arch::X86_64),
            Some("arm64") => Some(Arch::Aarch64),
            _ if self.is_built_in("X86_64") => Some(Arch::X86_64),
            _ if self.is_built_in("ARM64") => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// Whether it says that the kernel is built for an architecture that is not known here.
    pub fn is_other_arch(&self) -> bool {
        self.header.is_some() && self.arch().is_none()
    }

    /// The kernel's version, from the header.
    pub fn version(&self) -> Option<KernelVersion> {
        KernelVersion::parse(self.header.as_deref()?.split_once(' ')?.1)
    }

    /// Whether it looks like a configuration at all: an empty or foreign file must not become "nothing is set".
    pub fn is_plausible(&self) -> bool {
        self.options.len() >= 50
    }
}

/// The option that a line sets, and its value; strings without their quotes. An error has its column.
fn option(line: &str) -> Result<Option<(&str, Value)>, (usize, KconfigFault)> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if let Some(name) = line.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set")) {
        return if is_name(name) { Ok(Some((name, "n".into()))) } else { Ok(None) };
    }
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let Some((name, value)) = line.strip_prefix(PREFIX).and_then(|rest| rest.split_once('=')) else {
        return Err((1, KconfigFault::Form));
    };
    if !is_name(name) {
        return Err((PREFIX.len() + 1, KconfigFault::Name));
    }
    match text_of(value) {
        Some(value) => Ok(Some((name, value))),
        None => Err((PREFIX.len() + name.len() + 2, KconfigFault::Value)),
    }
}

/// A value as the kernel's build has it: in strings a backslash stands before `"` and `\`.
fn text_of(value: &str) -> Option<Value> {
    if let Some(letter) = ["y", "m", "n"].into_iter().find(|letter| *letter == value) {
        return Some(letter.into());
    }
    let Some(quoted) = value.strip_prefix('"') else {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        return (!value.is_empty() && value.bytes().all(is_plain)).then(|| value.to_owned().into());
    };
    let mut text = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text.into()),
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

const PREFIX: &str = "CONFIG_";

/// Bytes of a line, about. Comments between options are few.
const MEAN_LINE: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_their_lines() {
        let text = "# Linux\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_LSM=\"lockdown,yama\"\n";
        let config = Kconfig::parse(text, Location::file("/boot/config-1"));
        assert_eq!(config.get("A"), ("y", Some(2)));
        assert_eq!(config.get("B"), ("n", Some(3)));
        assert_eq!(config.get("C"), ("n", None));
        assert_eq!(config.get("LSM").0, "lockdown,yama");
        assert_eq!(config.place("A"), Location::line("/boot/config-1", 2));
        assert!(!config.is_plausible());
    }

    fn strict(text: &str) -> Result<Kconfig, String> {
        Kconfig::parse_strict(text, Location::file("x")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_header_tells_architecture_and_version() {
        let config = strict("# Linux/x86 6.1.140 Kernel Configuration\nCONFIG_X86_64=y\n").unwrap();
        assert_eq!((config.arch(), config.version()), (Some(Arch::X86_64), KernelVersion::parse("6.1.140")));
        let config = strict("# Linux/arm64 6.12.0-rc3 Kernel Configuration\n").unwrap();
        assert_eq!((config.arch(), config.version()), (Some(Arch::Aarch64), KernelVersion::parse("6.12")));
        let config = strict("# Linux/s390 6.1.0 Kernel Configuration\n").unwrap();
        assert!(config.arch().is_none() && config.is_other_arch());
    }

    #[test]
    fn strings_lose_their_quotes_and_backslashes() {
        let config = strict("CONFIG_CMDLINE=\"a=\\\"b c\\\" \\\\d\"\nCONFIG_E=\"\"\n").unwrap();
        assert_eq!(config.get("CMDLINE").0, "a=\"b c\" \\d");
        assert_eq!(config.get("E"), ("", Some(2)));
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_column() {
        let fault = |text: &str| strict(text).unwrap_err();
        assert!(fault("CONFIG_A=y\nA=y\n").starts_with("line 2, column 1: this is no line"));
        assert!(fault("CONFIG_A-B=y\n").starts_with("line 1, column 8: an option's name"));
        assert!(fault("CONFIG_A=\"x\n").starts_with("line 1, column 10: a value"));
        assert!(fault("CONFIG_A=\n").starts_with("line 1, column 10: a value"));
        let twice = fault("CONFIG_A=y\n\n# CONFIG_A is not set\n");
        assert_eq!(twice, "line 3, column 1: CONFIG_A is `n` here and `y` in line 1");
        assert!(strict("CONFIG_A=y\nCONFIG_A=y\nCONFIG_B=-1\nCONFIG_C=0x10\n").is_ok());
    }
}
