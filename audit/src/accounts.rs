//! `/etc/passwd` and `/etc/shadow`, as passwd(5), shadow(5) and crypt(5) have them.

use hardpan_report::{Finding, Location};

use crate::{Context, Text, TextFile};

/// The lines of an accounts file.
pub(crate) enum Accounts {
    /// It was read.
    Present(TextFile),
    /// There is none.
    Absent,
    /// It could not be read.
    Unread(Box<Finding>),
}

/// One line of `/etc/passwd` or `/etc/shadow`.
pub(crate) struct Account<'a> {
    /// The login name.
    pub(crate) name: &'a [u8],
    /// The second field, empty if the line has none.
    pub(crate) password: &'a [u8],
    fields: Vec<&'a [u8]>,
    /// Where it is.
    pub(crate) location: Location,
}

impl Account<'_> {
    /// The seventh field of `/etc/passwd`; an empty one means `/bin/sh`.
    pub(crate) fn shell(&self) -> &[u8] {
        match self.fields.get(6).map(|shell| shell.trim_ascii()) {
            None | Some([]) => b"/bin/sh",
            Some(shell) => shell,
        }
    }
}

impl Accounts {
    pub(crate) fn read(context: &Context<'_>, path: &str) -> Self {
        match context.text(path) {
            Text::Present(file) => Self::Present(file),
            Text::Absent => Self::Absent,
            Text::Unread(finding) => Self::Unread(finding),
        }
    }
}

/// The accounts of a file. Lines of NIS (`+`, `-`) name accounts that are elsewhere and are passed over.
pub(crate) fn accounts(file: &TextFile) -> impl Iterator<Item = Account<'_>> {
    file.statements(b"#+-").map(|(number, line)| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        Account {
            name: fields[0],
            password: fields.get(1).copied().unwrap_or_default(),
            fields,
            location: file.line(number),
        }
    })
}

/// What a password field lets someone do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Password {
    /// Log in without any password.
    Empty,
    /// Nothing: no password gives this text.
    Locked,
    /// The field of `/etc/shadow` decides.
    InShadow,
    /// Log in with the password behind a hash.
    Hash {
        /// The scheme's usual name.
        scheme: &'static str,
        /// Whether the hash can be searched so fast that it protects little.
        weak: bool,
    },
}

impl Password {
    /// Reads a password field.
    pub(crate) fn of(field: &[u8]) -> Self {
        match field {
            b"" => Self::Empty,
            b"x" => Self::InShadow,
            [b'!' | b'*', ..] => Self::Locked,
            field => Self::hash(field).unwrap_or(Self::Locked),
        }
    }

    /// The scheme of a hash; `None` for what crypt(3) never gives, so that no password can match it.
    fn hash(field: &[u8]) -> Option<Self> {
        if let Some((_, scheme, weak)) = SCHEMES.iter().find(|(prefix, ..)| field.starts_with(prefix)) {
            return Some(Self::Hash { scheme, weak: *weak });
        }
        let is_text =
            |text: &[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(byte));
        match field {
            [b'$', ..] => Some(Self::Hash { scheme: "unknown scheme", weak: false }),
            [b'_', rest @ ..] if rest.len() == 19 && is_text(rest) => {
                Some(Self::Hash { scheme: "extended DES", weak: true })
            }
            field if field.len() == 13 && is_text(field) => {
                Some(Self::Hash { scheme: "traditional DES, no prefix", weak: true })
            }
            _ => None,
        }
    }
}

/// Prefixes of crypt(5), the scheme's name, and whether it is weak.
const SCHEMES: &[(&[u8], &str, bool)] = &[
    (b"$y$", "yescrypt", false),
    (b"$gy$", "gost-yescrypt", false),
    (b"$7$", "scrypt", false),
    (b"$2", "bcrypt", false),
    (b"$6$", "SHA-512", false),
    (b"$5$", "SHA-256", false),
    (b"$sha1", "SHA-1", true),
    (b"$md5", "Sun MD5", true),
    (b"$1$", "MD5", true),
    (b"$3$", "NT hash", true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart() {
        let hash = |scheme, weak| Password::Hash { scheme, weak };
        assert_eq!(Password::of(b""), Password::Empty);
        assert_eq!(Password::of(b"x"), Password::InShadow);
        for locked in [&b"*"[..], b"!", b"!!", b"!$6$a$b", b"*LK*", b"NP", b"hello"] {
            assert_eq!(Password::of(locked), Password::Locked, "{}", locked.escape_ascii());
        }
        assert_eq!(Password::of(b"$6$salt$hash"), hash("SHA-512", false));
        assert_eq!(Password::of(b"$2b$05$abc"), hash("bcrypt", false));
        assert_eq!(Password::of(b"$1$salt$hash"), hash("MD5", true));
        assert_eq!(Password::of(b"$99$salt$hash"), hash("unknown scheme", false));
        assert_eq!(Password::of(b"ab1cDEfgHiJ./"), hash("traditional DES, no prefix", true));
        assert_eq!(Password::of(b"_J9..CCCCXBrJUJV154M"), hash("extended DES", true));
    }
}
