//! Architectures that rules know.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// An architecture that rules are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Arch {
    /// `x86` in the kernel's source, with 64 bits.
    #[serde(rename = "x86_64")]
    X86_64,
    /// `arm64` in the kernel's source.
    #[serde(rename = "aarch64")]
    Aarch64,
}

impl Arch {
    /// Those that are known.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The name, as `uname -m` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Arch {
    type Err = String;

    /// The names that are in use for each.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "x86_64" | "x86-64" | "amd64" | "x86" => Ok(Self::X86_64),
            "aarch64" | "arm64" => Ok(Self::Aarch64),
            _ => Err(format!("there are no rules for the architecture `{text}`; use x86_64 or aarch64")),
        }
    }
}
