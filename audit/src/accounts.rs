//! `/etc/passwd` and `/etc/shadow`, as passwd(5), shadow(5) and crypt(5) have them.

use hardpan_report::{Evidence, Finding, Location, escape};

use crate::{Context, Text, TextFile};

/// The files of one kind, and what kept some from being read.
pub(crate) struct Databases {
    /// Each once, the one in `/etc` first.
    pub(crate) files: Vec<TextFile>,
    /// What may hold accounts too.
    pub(crate) troubles: Vec<Finding>,
}

impl Databases {
    /// Reads `passwd`, `shadow` or a copy of them from every place that a host takes accounts from.
    pub(crate) fn read(context: &Context<'_>, name: &str) -> Self {
        let mut found = Self { files: Vec::new(), troubles: Vec::new() };
        for directory in DIRECTORIES {
            let path = format!("{directory}/{name}");
            match context.text(&path) {
                Text::Present(file) if found.files.iter().any(|known| known.id == file.id) => {}
                Text::Present(file) => found.files.push(file),
                Text::Absent => found.troubles.extend(context.blindness(path.as_bytes())),
                Text::Unread(finding) => found.troubles.push(*finding),
            }
        }
        found
    }

    /// The accounts of all files.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Account<'_>> {
        self.files.iter().flat_map(accounts)
    }

    /// How many accounts each file has, or that there is none.
    pub(crate) fn evidence(&self, context: &Context<'_>) -> Vec<Evidence> {
        if self.files.is_empty() {
            return vec![context.absence_proof()];
        }
        let count = |file: &TextFile| {
            let what = format!("accounts in {}", escape(&file.path));
            Evidence::new(what, accounts(file).count().to_string(), "").at(file.line(1))
        };
        self.files.iter().map(count).collect()
    }
}

/// Where accounts are: in place, where `/etc` is made from at boot (systemd's factory, ostree's pristine copy), and where
/// the name service module `altfiles` looks.
const DIRECTORIES: [&str; 4] = ["/etc", "/usr/share/factory/etc", "/usr/etc", "/usr/lib"];

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
    /// The third field of `/etc/passwd`; `None` if it is no number, of which libraries make different things.
    pub(crate) fn uid(&self) -> Option<u32> {
        let digits = self.fields.get(2).copied().unwrap_or_default();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        if is_number { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
    }

    /// The seventh field of `/etc/passwd`; an empty one means `/bin/sh`.
    pub(crate) fn shell(&self) -> &[u8] {
        match self.fields.get(6).map(|shell| shell.trim_ascii()) {
            None | Some([]) => b"/bin/sh",
            Some(shell) => shell,
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
