//! Values that reach systemd-veritysetup as they were written.

use super::SystemdError;
use crate::hex;

/// A value that is one word everywhere on its way.
///
/// systemd's generator puts what it reads between single quotes into the `ExecStart=` of a unit, where a quote ends it, a
/// backslash starts an escape and a dollar sign a variable; on the command line quotes group words, and neither there nor
/// in veritytab can white space be quoted. What such a value means depends on version and place, so it is refused.
pub(super) fn check_word<'a>(field: &str, value: &'a str) -> Result<&'a str, SystemdError> {
    if value.is_empty() {
        return Err(SystemdError::value(field, value, "is empty"));
    }
    let is_special = |character: char| {
        character.is_whitespace() || character.is_control() || matches!(character, '"' | '\'' | '\\' | '$')
    };
    if value.contains(is_special) {
        return Err(SystemdError::value(
            field,
            value,
            "has white space, a quote, a backslash or a dollar sign, which systemd does not take as they are",
        ));
    }
    Ok(value)
}

/// A word in a list that commas separate.
pub(super) fn check_listed<'a>(field: &str, value: &'a str) -> Result<&'a str, SystemdError> {
    match check_word(field, value)? {
        word if word.contains(',') => {
            Err(SystemdError::value(field, value, "has a comma, which would end the option"))
        }
        word => Ok(word),
    }
}

/// A device: a path, or what udev makes a path of.
pub(super) fn check_device<'a>(field: &str, value: &'a str) -> Result<&'a str, SystemdError> {
    let word = check_word(field, value)?;
    let tags = ["UUID=", "PARTUUID=", "LABEL=", "PARTLABEL=", "ID="];
    let tagged = tags.iter().any(|tag| word.strip_prefix(tag).is_some_and(|name| !name.is_empty()));
    if tagged || word.starts_with('/') {
        return Ok(word);
    }
    Err(SystemdError::value(
        field,
        value,
        "is neither an absolute path nor UUID=, PARTUUID=, LABEL=, PARTLABEL= or ID=",
    ))
}

/// A root hash of hexadecimal digits. It is no path: the generator passes it on, and the program that it passes it to
/// takes digits only.
pub(super) fn root_hash(field: &str, value: &str) -> Result<Vec<u8>, SystemdError> {
    let root =
        hex::decode(value).ok_or_else(|| SystemdError::value(field, value, "is not hexadecimal digits"))?;
    // systemd takes the partitions' UUIDs from the first and last 16 bytes.
    if root.len() < 16 {
        return Err(SystemdError::value(field, value, "has less than 16 bytes"));
    }
    Ok(root)
}

/// The words of a kernel command line as systemd's `extract_first_word` splits it there: quotes of both kinds group words
/// and are taken away wherever they are, the last may be missing, and a backslash is nothing special.
pub(super) fn split(cmdline: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in cmdline.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t' | '\n' | '\r') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// A decimal number. Other bases, which some versions take, are refused: none writes them.
pub(super) fn number<T: std::str::FromStr>(field: &str, value: &str) -> Result<T, SystemdError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || SystemdError::value(field, value, "is not a possible number");
    digits.then(|| value.parse().ok()).flatten().ok_or_else(wrong)
}

/// A boolean in systemd's words, in either case.
pub(super) fn boolean(field: &str, value: &str) -> Result<bool, SystemdError> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err(SystemdError::value(field, value, "is neither yes nor no")),
    }
}
