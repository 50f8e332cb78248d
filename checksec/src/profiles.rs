//! Policies that come with Hardpan: what the build flags of known distributions give.
//!
//! They are data in the grammar of `hardpan.toml`, so that a user can copy one and go on from there; who reads that
//! file reads them.

/// A profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// A word to choose it by.
    pub name: &'static str,
    /// `name`, `description`, `sources` and `[[checksec.section]]`s in TOML, with a comment for each choice.
    pub toml: &'static str,
}

impl Profile {
    /// The profile of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }
}

/// Every profile, by name.
pub static PROFILES: &[Profile] = &[
    Profile { name: "bottlerocket", toml: include_str!("../profiles/bottlerocket.toml") },
    Profile { name: "debian", toml: include_str!("../profiles/debian.toml") },
    Profile { name: "fedora", toml: include_str!("../profiles/fedora.toml") },
    Profile { name: "strict", toml: include_str!("../profiles/strict.toml") },
];
