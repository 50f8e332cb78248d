//! The sysctls of a profile for sysctl.d(5), for hosts that apply them so.

use crate::settings::Settings;

/// The file. A key that may be absent has a dash in front, which tells systemd-sysctl and sysctl(8) to pass over failures.
pub(super) fn text(settings: &Settings) -> String {
    let mut lines =
        vec!["# Made by `hardpan lockdown generate`; changes belong into the profile.".to_owned()];
    let mut in_one_way = false;
    for setting in &settings.settings {
        if setting.is_one_way() && !std::mem::replace(&mut in_one_way, true) {
            lines.push("# What follows stays until the next boot.".to_owned());
        }
        let dash = if setting.required { "" } else { "-" };
        // A slash as the first separator would make both characters mean the other; keys have dots first.
        lines.push(format!("{dash}{} = {}", setting.key, setting.value));
    }
    lines.push(String::new());
    lines.join("\n")
}
