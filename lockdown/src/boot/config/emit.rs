//! A configuration as text.

use std::fmt::Write as _;

use super::{Config, Etc, Extent, Module, OnIoError, Slot, Tries};

/// The text. What it cannot say comes out wrong; the caller reads it back.
pub(super) fn emit(config: &Config) -> String {
    let mut text = String::from("hardpan-boot 1\n");
    let mut line = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        text.push_str(&words.join(" "));
        text.push('\n');
    };
    for module in &config.modules {
        line(&module_words(module));
    }
    line(&["device-timeout", &config.device_timeout.to_string()]);
    for slot in &config.slots {
        let words = slot_words(slot);
        line(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if config.require_signature {
        line(&["require-signature"]);
    }
    line(&["minimum-version", &config.minimum_version.to_string()]);
    line(&["tries", if config.tries == Tries::Gpt { "gpt" } else { "none" }]);
    line(&["verify", if config.verify == Extent::All { "full" } else { "ends" }]);
    line(&["on-corruption", config.on_corruption.name()]);
    let OnIoError { reaction: on_error, or_weaker } = config.on_io_error;
    let on_io_error = ["on-io-error", on_error.name(), "or-weaker"];
    line(&on_io_error[..if or_weaker { 3 } else { 2 }]);
    let root = ["root", &config.root.fs_type, &config.root.options];
    line(&root[..if config.root.options.is_empty() { 2 } else { 3 }]);
    security(config, &mut line);
    line(&[&["init"][..], &config.init.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    line(&["on-failure", config.on_failure.name()]);
    line(&["failure-delay", &config.failure_delay.to_string()]);
    line(&["panic-timeout", &config.panic_timeout.to_string()]);
    text
}

fn security(config: &Config, line: &mut impl FnMut(&[&str])) {
    if let Some(selinux) = &config.selinux {
        let fingerprint = selinux.fingerprint.map(|digest| hex(&digest));
        match &fingerprint {
            Some(digits) => line(&["selinux", &selinux.path, "fingerprint", digits]),
            None => line(&["selinux", &selinux.path]),
        }
        if selinux.enforcing {
            line(&["enforcing"]);
        }
    }
    if let Some(level) = config.lockdown {
        line(&["lockdown", level.name()]);
    }
    for sysctl in &config.sysctls {
        line(&["sysctl", &sysctl.key, &sysctl.value, requirement(sysctl.required)]);
    }
    if let Some(etc) = &config.etc {
        let words = etc_words(etc);
        line(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn module_words(module: &Module) -> Vec<&str> {
    let mut words = vec!["module", &module.path, requirement(module.required)];
    if !module.parameters.is_empty() {
        words.push(&module.parameters);
    }
    words
}

fn slot_words(slot: &Slot) -> Vec<String> {
    let mut words: Vec<String> = ["slot", &slot.name, "version"].map(str::to_owned).to_vec();
    words.push(slot.version.to_string());
    let mut pair = |name: &str, value: String| words.extend([name.to_owned(), value]);
    pair("data", slot.data.to_string());
    pair("hash", slot.hash.to_string());
    pair("table", slot.table.to_string());
    if let Some(path) = &slot.signature {
        pair("signature", path.clone());
    }
    if let Some(digest) = &slot.fingerprint {
        pair("fingerprint", hex(digest));
    }
    words
}

fn etc_words(etc: &Etc) -> Vec<String> {
    let mut words = vec!["etc".to_owned(), etc.source.clone()];
    words.extend(etc.size.map(|size| format!("size={size}")));
    words.push(format!("mode={:04o}", etc.mode));
    words.extend(etc.context.as_ref().map(|context| format!("context={context}")));
    words
}

/// A word, in quotes where it needs them.
fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '\t']) { format!("\"{word}\"") } else { word.to_owned() }
}

fn requirement(required: bool) -> &'static str {
    if required { "required" } else { "optional" }
}

/// Lower-case digits.
pub(in crate::boot) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
