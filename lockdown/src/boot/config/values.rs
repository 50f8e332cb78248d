//! The words of each directive.

use hardpan_verity::table::VerityTable;

use super::device::{is_plain_path, layout};
use super::words::{Word, Words};
use super::{
    ConfigError, DeviceRef, Ending, Etc, Extent, Fault, LockdownLevel, Module, OnIoError, Reaction, Root,
    Selinux, Slot, Sysctl, Tries,
};

/// Sets what comes once.
pub(super) fn set<T>(place: &mut Option<T>, value: T, directive: Word<'_>) -> Result<(), ConfigError> {
    if place.is_some() {
        return Err(directive.fails(Fault::Repeated(directive.text.to_owned())));
    }
    *place = Some(value);
    Ok(())
}

pub(super) fn module(words: &mut Words<'_>) -> Result<Module, ConfigError> {
    let path = words.want("the path of a module")?;
    let name = path.text.rsplit('/').next().and_then(|name| name.strip_suffix(".ko"));
    if !is_plain_path(path.text) || name.is_none_or(str::is_empty) {
        return Err(path.is_not("an absolute path that ends in .ko, of a module that is not compressed"));
    }
    let required = requirement(words)?;
    let parameters = words.next().map(|word| word.text.to_owned()).unwrap_or_default();
    Ok(Module { path: path.text.to_owned(), required, parameters })
}

pub(super) fn slot(words: &mut Words<'_>) -> Result<Slot, ConfigError> {
    let name = words.want("the name of a slot")?;
    let possible = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if !(1..=32).contains(&name.text.len()) || !name.text.bytes().all(possible) {
        return Err(name.is_not("a name of 1 to 32 lower-case letters, digits and - _ ."));
    }
    let (mut version, mut data, mut hash, mut table) = (None, None, None, None);
    let (mut signature, mut fingerprint) = (None, None);
    while let Some(key) = words.next() {
        let value = words.want("a value")?;
        match key.text {
            "version" => set(&mut version, number(value)?, key)?,
            "data" => set(&mut data, device(value)?, key)?,
            "hash" => set(&mut hash, device(value)?, key)?,
            "table" => set(&mut table, verity_table(value)?, key)?,
            "signature" => set(&mut signature, path(value)?, key)?,
            "fingerprint" => set(&mut fingerprint, digest(value)?, key)?,
            _ => return Err(key.is_not("version, data, hash, table, signature or fingerprint")),
        }
    }
    let missing = |what| name.fails(Fault::WordMissing(what));
    Ok(Slot {
        name: name.text.to_owned(),
        version: version.ok_or_else(|| missing("`version` of the slot"))?,
        data: data.ok_or_else(|| missing("`data` of the slot"))?,
        hash: hash.ok_or_else(|| missing("`hash` of the slot"))?,
        table: table.ok_or_else(|| missing("`table` of the slot"))?,
        signature,
        fingerprint,
    })
}

fn device(word: Word<'_>) -> Result<DeviceRef, ConfigError> {
    DeviceRef::parse(word.text).ok_or_else(|| {
        word.is_not("PARTUUID=UUID, PARTLABEL=NAME (up to 36 characters), DPS, or a path below /dev")
    })
}

fn verity_table(word: Word<'_>) -> Result<VerityTable, ConfigError> {
    let fails = |reason: &str| word.fails(Fault::Table(reason.to_owned()));
    let table = VerityTable::parse(word.text).map_err(|error| fails(&error.to_string()))?;
    if table.data_device != "DATA" || table.hash_device != "HASH" {
        return Err(fails("verity table: the devices must be the words DATA and HASH"));
    }
    let options = &table.options;
    if options.corruption.is_some() || options.io_error.is_some() || options.signature_key.is_some() {
        return Err(fails(
            "verity table: reactions and signatures are directives of their own, and no options here",
        ));
    }
    if options.check_at_most_once {
        return Err(fails("verity table: check_at_most_once gives up finding changes later, and is refused"));
    }
    if options.fec.as_ref().is_some_and(|fec| fec.device != "DATA" && fec.device != "HASH") {
        return Err(fails("verity table: parity must be on DATA or HASH"));
    }
    layout(&table).map_err(|reason| fails(&reason))?;
    Ok(table)
}

pub(super) fn on_io_error(words: &mut Words<'_>) -> Result<OnIoError, ConfigError> {
    let reaction = choose(words, REACTIONS, REACTION_NAMES)?;
    let or_weaker = match words.next() {
        None => false,
        Some(word) if word.text == "or-weaker" => true,
        Some(word) => return Err(word.is_not("or-weaker")),
    };
    Ok(OnIoError { reaction, or_weaker })
}

pub(super) fn root(words: &mut Words<'_>) -> Result<Root, ConfigError> {
    let kind = words.want("the type of the file system")?;
    let possible = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    if !(1..=32).contains(&kind.text.len()) || !kind.text.bytes().all(possible) {
        return Err(kind.is_not("the type of a file system"));
    }
    let options = match words.next() {
        None => "",
        Some(word) if word.text.split(',').all(is_root_option) => word.text,
        Some(word) => {
            return Err(word.is_not(
                "a list of mount options without rw, and without contexts, which would come before the policy",
            ));
        }
    };
    Ok(Root { fs_type: kind.text.to_owned(), options: options.to_owned() })
}

fn is_root_option(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    let weakens = matches!(name, "" | "rw" | "remount" | "bind" | "move");
    !weakens && !name.ends_with("context")
}

pub(super) fn selinux(words: &mut Words<'_>) -> Result<Selinux, ConfigError> {
    let path = path(words.want("the path of a policy")?)?;
    let fingerprint = match words.next() {
        None => None,
        Some(word) if word.text == "fingerprint" => Some(digest(words.want("a fingerprint")?)?),
        Some(word) => return Err(word.is_not("fingerprint")),
    };
    Ok(Selinux { path, fingerprint, enforcing: false })
}

pub(super) fn sysctl(words: &mut Words<'_>) -> Result<Sysctl, ConfigError> {
    let key = words.want("the name of a sysctl")?;
    let possible = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    // A slash is a dot of the name, so that two dots in a row could lead upwards only as `//`.
    let parts = || key.text.split('.').all(|part| !matches!(part, "" | "/" | "//"));
    if key.text.len() > 255 || !key.text.bytes().all(possible) || !key.text.contains('.') || !parts() {
        return Err(key.is_not("the name of a sysctl, such as kernel.kptr_restrict"));
    }
    let value = words.want("the value of the sysctl")?.text.to_owned();
    Ok(Sysctl { key: key.text.to_owned(), value, required: requirement(words)? })
}

pub(super) fn etc(words: &mut Words<'_>) -> Result<Etc, ConfigError> {
    let source = path(words.want("the directory that /etc is filled from")?)?;
    let (mut size, mut mode, mut context) = (None, None, None);
    while let Some(word) = words.next() {
        match word.text.split_once('=') {
            Some(("size", text)) => {
                set(&mut size, bytes(text).ok_or_else(|| word.is_not(SIZE))?, Word { text: "size", ..word })?;
            }
            Some(("mode", text)) => {
                let value = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
                let value = value.filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()));
                set(&mut mode, value.ok_or_else(|| word.is_not(MODE))?, Word { text: "mode", ..word })?;
            }
            Some(("context", text)) if (1..=1024).contains(&text.len()) => {
                set(&mut context, text.to_owned(), Word { text: "context", ..word })?;
            }
            _ => return Err(word.is_not("size=, mode= or context=, with a value")),
        }
    }
    Ok(Etc { source, size, mode: mode.unwrap_or(0o755), context })
}

pub(super) fn init(words: &mut Words<'_>) -> Result<Vec<String>, ConfigError> {
    let mut init = vec![path(words.want("the path of init")?)?];
    while let Some(word) = words.next() {
        init.push(word.text.to_owned());
    }
    Ok(init)
}

fn requirement(words: &mut Words<'_>) -> Result<bool, ConfigError> {
    choose(words, &[("required", true), ("optional", false)], "required or optional")
}

pub(super) fn choose<T: Copy>(
    words: &mut Words<'_>,
    of: &[(&str, T)],
    wanted: &'static str,
) -> Result<T, ConfigError> {
    let word = words.want(wanted)?;
    let found = of.iter().find(|(name, _)| *name == word.text);
    found.map(|(_, value)| *value).ok_or_else(|| word.is_not(wanted))
}

fn path(word: Word<'_>) -> Result<String, ConfigError> {
    let plain = is_plain_path(word.text);
    if plain { Ok(word.text.to_owned()) } else { Err(word.is_not("an absolute path without . and ..")) }
}

/// A number without a sign and without leading zeros, so that it has one form.
pub(super) fn number(word: Word<'_>) -> Result<u64, ConfigError> {
    let value = word.text.parse::<u64>().ok().filter(|value| value.to_string() == word.text);
    value.ok_or_else(|| word.is_not("a number"))
}

pub(super) fn seconds(words: &mut Words<'_>, least: u64) -> Result<u32, ConfigError> {
    let word = words.want("a number of seconds")?;
    let value = number(word)?;
    let possible = (least..=3600).contains(&value).then(|| u32::try_from(value).ok()).flatten();
    possible.ok_or_else(|| {
        word.is_not(if least == 0 { "a number of seconds up to 3600" } else { "1 to 3600 seconds" })
    })
}

fn digest(word: Word<'_>) -> Result<[u8; 32], ConfigError> {
    let digits = word.text.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| Some(value(pair[0])? << 4 | value(*pair.get(1)?)?)).collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| word.is_not("a SHA-256 in 64 hexadecimal digits"))
}

/// A size with a unit of K, M or G, from a page to 1 GiB.
fn bytes(text: &str) -> Option<u64> {
    let shift = match text.as_bytes().last()? {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    let value =
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten()?;
    value.checked_mul(1 << shift).filter(|size| (4096..=1 << 30).contains(size))
}

const SIZE: &str = "size= with 4096 bytes to 1G";
const MODE: &str = "mode= with octal digits up to 7777";
pub(super) const REACTION_NAMES: &str = "restart, panic or eio";
pub(super) const REACTIONS: &[(&str, Reaction)] =
    &[("restart", Reaction::Restart), ("panic", Reaction::Panic), ("eio", Reaction::Eio)];
pub(super) const TRIES: &[(&str, Tries)] = &[("gpt", Tries::Gpt), ("none", Tries::None)];
pub(super) const EXTENTS: &[(&str, Extent)] = &[("ends", Extent::Ends), ("full", Extent::All)];
pub(super) const LEVELS: &[(&str, LockdownLevel)] =
    &[("integrity", LockdownLevel::Integrity), ("confidentiality", LockdownLevel::Confidentiality)];
pub(super) const ENDINGS: &[(&str, Ending)] =
    &[("reboot", Ending::Reboot), ("halt", Ending::Halt), ("poweroff", Ending::PowerOff)];
