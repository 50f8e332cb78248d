//! Pillar 5: mandatory access control.

pub(super) mod active;
pub(super) mod enforcing;
pub(super) mod kernel_strict;
pub(super) mod labelled;
pub(super) mod not_disabled;
pub(super) mod policy;

use crate::{Context, Text, TextFile};

/// SELinux's configuration, where the tree keeps it: in place, or where `/etc` is made from at boot.
fn selinux_config(context: &Context<'_>) -> Text {
    let found = CONFIGS.iter().map(|path| context.text(path)).find(|text| !matches!(text, Text::Absent));
    found.unwrap_or(Text::Absent)
}

/// The last value of a key of that file, and its line.
fn setting<'f>(file: &'f TextFile, key: &str) -> Option<(u32, &'f [u8])> {
    let settings = file.statements(b"#").filter_map(|(number, line)| {
        let rest = line.strip_prefix(key.as_bytes())?.trim_ascii_start().strip_prefix(b"=")?;
        Some((number, rest.trim_ascii()))
    });
    settings.last()
}

const CONFIGS: [&str; 3] =
    ["/etc/selinux/config", "/usr/share/factory/etc/selinux/config", "/usr/etc/selinux/config"];
