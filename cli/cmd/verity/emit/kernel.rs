//! Which kernel knows which option of a verity target.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use hardpan_verity::table::{ErrorMode, Options};

/// A version of Linux: major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KernelVersion(u32, u32);

impl KernelVersion {
    /// The first whose kernel tells unreadable blocks from corrupt ones, and can restart or panic on them.
    pub(super) const ERROR_MODES: Self = Self(6, 12);
    /// The first with `dm-mod.create=`.
    pub(super) const CREATE: Self = Self(5, 1);

    /// Refuses what this version does not know: it would refuse the whole table, and the machine would not boot.
    pub(super) fn check(self, options: &Options, created: bool) -> anyhow::Result<()> {
        let corruption = |mode| options.corruption == Some(mode);
        let needed = [
            (created, "dm-mod.create=", Self::CREATE),
            (corruption(ErrorMode::Panic), "panic_on_corruption", Self(5, 9)),
            (options.io_error == Some(ErrorMode::Restart), "restart_on_error", Self::ERROR_MODES),
            (options.io_error == Some(ErrorMode::Panic), "panic_on_error", Self::ERROR_MODES),
            (options.ignore_zero_blocks, "ignore_zero_blocks", Self(4, 5)),
            (options.fec.is_some(), "use_fec_from_device", Self(4, 5)),
            (options.check_at_most_once, "check_at_most_once", Self(4, 17)),
            (options.signature_key.is_some(), "root_hash_sig_key_desc", Self(5, 4)),
        ];
        match needed.into_iter().find(|(used, _, since)| *used && self < *since) {
            Some((_, name, since)) => {
                bail!("Linux {self} does not know {name}, which came with Linux {since}")
            }
            None => Ok(()),
        }
    }
}

impl FromStr for KernelVersion {
    type Err = String;

    /// Reads major and minor number; what follows them, as in `6.12.9-amd64`, is of no matter.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "use a version like 6.12".to_owned();
        let (major, rest) = text.split_once('.').ok_or_else(wrong)?;
        let minor = rest.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
        let number = |digits: &str| digits.parse().map_err(|_| wrong());
        Ok(Self(number(major)?, number(minor)?))
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered_by_number() {
        let read = |text: &str| text.parse::<KernelVersion>();
        assert_eq!(read("6.12"), Ok(KernelVersion(6, 12)));
        assert_eq!(read("6.1.0-18-amd64"), Ok(KernelVersion(6, 1)));
        assert!(read("6.9").unwrap() < KernelVersion::ERROR_MODES);
        for wrong in ["", "6", "6.", "6.x", "x.1", "-1.2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
