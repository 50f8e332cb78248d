//! What values of a profile can be. Each is held to its kind as it is read, so that an error has its place.

use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use super::RuleSet;
use crate::boot::config::{DeviceRef, Ending, Extent, LockdownLevel, Reaction, Tries};

/// The name of a knob below `/proc/sys`, with dots: `kernel.kptr_restrict`. A dot within a component is written as `/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Spanned<Key>")]
pub struct SysctlKey {
    name: String,
    place: usize,
}

impl SysctlKey {
    /// A key that stands in no profile.
    pub fn new(name: &str) -> Option<Self> {
        is_key(name).then(|| Self { name: name.to_owned(), place: 0 })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it stands in the profile.
    pub(super) fn place(&self) -> usize {
        self.place
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for SysctlKey {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SysctlKey {}

impl PartialOrd for SysctlKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SysctlKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Key(String);

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if is_key(&name) {
            Ok(Self(name))
        } else {
            Err(format!("`{name}` is no key: use one like kernel.kptr_restrict, without patterns"))
        }
    }
}

impl From<Spanned<Key>> for SysctlKey {
    fn from(key: Spanned<Key>) -> Self {
        let place = key.span().start;
        Self { name: key.into_inner().0, place }
    }
}

/// Two components at least, none of which leads elsewhere.
fn is_key(name: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b':' | b'@');
    let parts: Vec<&str> = name.split('.').collect();
    let is_part =
        |part: &&str| !part.is_empty() && part.bytes().all(is_plain) && part.bytes().any(|byte| byte != b'/');
    parts.len() >= 2 && name.len() <= MAX_KEY && parts.iter().all(is_part) && !name.contains("//")
}

/// A value to write: a number, or text without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysctlValue(String);

impl SysctlValue {
    /// A value that stands in no profile.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() <= MAX_VALUE && !text.contains(|it: char| it.is_control() || it == '"');
        (fits && text.trim() == text).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SysctlValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = SysctlValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or text of one line without quotes")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<SysctlValue, E> {
                Ok(SysctlValue(number.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SysctlValue, E> {
                SysctlValue::new(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_any(Reader)
    }
}

/// One word or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "use a program, or a list of a program and its arguments")]
pub(super) enum Words {
    One(String),
    Several(Vec<String>),
}

impl Words {
    pub(super) fn into_list(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::Several(words) => words,
        }
    }
}

pub(super) fn device<'de, D: Deserializer<'de>>(from: D) -> Result<DeviceRef, D::Error> {
    let text = String::deserialize(from)?;
    DeviceRef::parse(&text).ok_or_else(|| {
        let wanted = "use PARTUUID=…, PARTLABEL=…, DPS (found by the root hash), or a path below /dev";
        de::Error::custom(format!("{wanted}, not `{text}`"))
    })
}

pub(super) fn tries<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Tries>, D::Error> {
    choice(from, &[("gpt", Tries::Gpt), ("none", Tries::None)])
}

pub(super) fn ending<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Ending>, D::Error> {
    choice(from, &[("reboot", Ending::Reboot), ("halt", Ending::Halt), ("poweroff", Ending::PowerOff)])
}

pub(super) fn level<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LockdownLevel>, D::Error> {
    let levels =
        [("integrity", LockdownLevel::Integrity), ("confidentiality", LockdownLevel::Confidentiality)];
    choice(from, &levels)
}

pub(super) fn extent<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Extent>, D::Error> {
    choice(from, &[("ends", Extent::Ends), ("full", Extent::All)])
}

pub(super) fn reaction<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Reaction>, D::Error> {
    choice(from, &[("restart", Reaction::Restart), ("panic", Reaction::Panic), ("eio", Reaction::Eio)])
}

pub(super) fn rule_set<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RuleSet>, D::Error> {
    choice(from, &[RuleSet::Base, RuleSet::Recommended, RuleSet::Strict].map(|set| (set.as_str(), set)))
}

/// One of a few words.
fn choice<'de, D: Deserializer<'de>, T: Copy>(from: D, choices: &[(&str, T)]) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        de::Error::custom(format!("use {}, not `{text}`", names.join(" or ")))
    })
}

/// The bytes of 64 hexadecimal digits.
pub(super) fn fingerprint(digits: &str) -> Option<[u8; 32]> {
    let valid = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(valid.then(|| digits.as_bytes().chunks_exact(2))?) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Permissions in octal digits.
pub(super) fn mode(digits: &str) -> Option<u32> {
    let valid = (3..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
}

/// As long as a path below `/proc/sys` can sensibly be.
const MAX_KEY: usize = 255;
/// Longer values than the kernel takes in one line: it reads knobs of text by pages.
const MAX_VALUE: usize = 4095;
