//! The kernel's command line: what works nowhere else, the profile's own words, and a look at what these would undo.

use super::GenerateError;
use crate::boot::Config;
use crate::boot::config::Tries;
use crate::cmdline::{Word, words};
use crate::profile::Profile;

/// For a kernel that starts `hardpan-boot`.
pub(super) fn for_hardpan_boot(profile: &Profile, config: &Config) -> Result<String, GenerateError> {
    let own = profile.kernel.command_line.as_deref().unwrap_or_default();
    if own.contains(|character: char| character.is_control() && character != '\t') {
        let reason = "has a control character, at which boot loaders end a line";
        return Err(GenerateError::CommandLine { word: own.escape_default().to_string(), reason });
    }
    for word in words(own).iter().filter(|word| word.for_kernel) {
        if let Some(reason) = contradiction(word, config) {
            return Err(GenerateError::CommandLine { word: word.text(), reason });
        }
    }
    let mut line = common(profile, config);
    line.extend(own.split_ascii_whitespace().next().map(|_| own.trim().to_owned()));
    Ok(line.join(" "))
}

/// For a kernel that makes the device and mounts it by itself. It starts init, and does nothing else of the profile.
pub(super) fn without_initramfs(profile: &Profile, config: &Config, created: &str) -> String {
    let mut line = vec![created.to_owned(), "root=/dev/dm-0".to_owned(), "ro".to_owned()];
    line.push(format!("rootfstype={}", config.root.fs_type));
    if !config.root.options.is_empty() {
        line.push(format!("rootflags={}", config.root.options));
    }
    line.extend(config.lockdown.map(|level| format!("lockdown={}", level.name())));
    line.extend(common(profile, config));
    line.extend(config.init.first().map(|init| format!("init={init}")));
    line.extend(profile.kernel.command_line.as_ref().map(|own| own.trim().to_owned()));
    // What comes after two dashes is init's.
    if let [_, arguments @ ..] = &config.init[..]
        && !arguments.is_empty()
    {
        line.push("--".to_owned());
        line.extend(arguments.iter().cloned());
    }
    line.join(" ")
}

/// What the builder should know of both.
pub(super) fn notes(profile: &Profile, config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.selinux.is_none() {
        notes.push("no SELinux policy is loaded: the profile has no [selinux]".to_owned());
    }
    if config.selinux.as_ref().is_some_and(|selinux| !selinux.enforcing) {
        notes.push("SELinux will be permissive: it logs and forbids nothing".to_owned());
    }
    if config.lockdown.is_none() {
        notes.push("lockdown is not raised: the profile has no [kernel] lockdown".to_owned());
    }
    if !config.require_signature {
        let what = "root hashes need no signature at boot: they are as authentic as the initramfs, so sign that with the kernel";
        notes.push(what.to_owned());
    }
    if profile.kernel.require_signed_modules && config.modules.is_empty() {
        notes.push("modules must be signed from the first on; none is in the initramfs".to_owned());
    }
    notes
}

/// What has to be there before the first program runs.
fn common(profile: &Profile, config: &Config) -> Vec<String> {
    // A kernel that panics before that would hang for ever.
    let mut line = vec![format!("panic={}", config.panic_timeout)];
    if config.tries == Tries::Gpt {
        // If the power fails between the two writes of the primary table, a kernel without it makes no partitions.
        line.push("gpt".to_owned());
    }
    if config.require_signature {
        // Of a module it is a parameter that who loads it hands on; of a kernel that has it built in it works nowhere else.
        line.push("dm_verity.require_signatures=1".to_owned());
    }
    if profile.kernel.require_signed_modules {
        line.push("module.sig_enforce=1".to_owned());
    }
    line
}

/// What a word would undo of what the profile wants.
fn contradiction(word: &Word, config: &Config) -> Option<&'static str> {
    let value = word.value.as_deref().unwrap_or_default();
    let is_off = matches!(value, "0" | "n" | "N" | "off" | "no");
    let is = |name: &str| word.is(name);
    match () {
        () if is("rdinit") => Some("starts something else than hardpan-boot"),
        () if is("init") => Some("is not heeded: say what to start in [boot] init"),
        () if is("panic") => Some("is set by [boot] panic-timeout"),
        () if is("selinux") && is_off && config.selinux.is_some() => {
            Some("switches off SELinux, which [selinux] wants")
        }
        () if is("security") && value != "selinux" && config.selinux.is_some() => {
            Some("starts another security module than SELinux, which [selinux] wants")
        }
        () if is("lsm") && config.selinux.is_some() && !value.split(',').any(|name| name == "selinux") => {
            Some("leaves out SELinux, which [selinux] wants")
        }
        () if is("lsm") && config.lockdown.is_some() && !value.split(',').any(|name| name == "lockdown") => {
            Some("leaves out lockdown, which [kernel] lockdown wants")
        }
        () if is("module.sig_enforce") && is_off => Some("lets in modules without a signature"),
        () if is("dm_verity.require_signatures") && is_off && config.require_signature => {
            Some("lets in root hashes without a signature, against [verity] require-signature")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{inputs, profile};
    use crate::generate::generate;

    fn line(own: &str) -> Result<String, String> {
        let profile = profile(&format!("[kernel]\ncommand-line = \"{own}\"\nlockdown = \"integrity\""));
        let generated = generate(&profile, &inputs(1)).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(generated.files["cmdline"].clone()).unwrap())
    }

    #[test]
    fn the_profiles_words_come_last() {
        assert_eq!(line(" console=ttyS0  quiet ").unwrap(), "panic=10 console=ttyS0  quiet\n");
        assert_eq!(line("").unwrap(), "panic=10\n");
    }

    #[test]
    fn words_against_the_profile_are_refused() {
        for word in ["rdinit=/bin/sh", "init=/bin/sh", "panic=0", "lsm=yama", "module.sig-enforce=0"] {
            let error = line(&format!("quiet {word}")).unwrap_err();
            assert!(error.contains(word), "{word}: {error}");
        }
        assert!(line("a\\u0001b").unwrap_err().contains("control character"));
        // What follows two dashes is not the kernel's.
        assert!(line("lsm=lockdown,yama -- rdinit=x").is_ok());
    }
}
