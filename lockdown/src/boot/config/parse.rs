//! Reading a configuration.

use super::values::{
    ENDINGS, EXTENTS, LEVELS, REACTION_NAMES, REACTIONS, TRIES, choose, etc, init, module, number,
    on_io_error, root, seconds, selinux, set, slot, sysctl,
};
use super::words::{MAX_MODULES, MAX_SIZE, MAX_SLOTS, MAX_SYSCTLS, Word, Words};
use super::{
    Config, ConfigError, DeviceRef, Ending, Etc, Extent, Fault, LockdownLevel, Module, OnIoError, Reaction,
    Root, Selinux, Slot, Sysctl, Tries,
};

/// Reads a configuration.
pub(super) fn parse(bytes: &[u8]) -> Result<Config, ConfigError> {
    let text = text(bytes)?;
    let mut lines = (1..).zip(text.split('\n'));
    if lines.next().map(|(_, line)| line) != Some("hardpan-boot 1") {
        return Err(at_line(1, Fault::Header));
    }
    let mut reader = Reader::default();
    for (number, line) in lines {
        if line.starts_with('#') {
            continue;
        }
        let mut words = Words::split(line, number)?;
        if let Some(directive) = words.next() {
            reader.directive(directive, &mut words)?;
            words.finish()?;
        }
    }
    let last = u32::try_from(text.split('\n').count()).unwrap_or(u32::MAX);
    reader.finish().map_err(|fault| at_line(last, fault))
}

fn at_line(line: u32, fault: Fault) -> ConfigError {
    ConfigError { line, column: 1, fault }
}

/// The text, if it is one: UTF-8 without control characters.
fn text(bytes: &[u8]) -> Result<&str, ConfigError> {
    if bytes.len() > MAX_SIZE {
        return Err(at_line(1, Fault::Size { len: bytes.len(), limit: MAX_SIZE }));
    }
    let (valid, mut wrong) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            (valid, Some(error.valid_up_to()))
        }
    };
    wrong = valid.find(|c: char| c.is_control() && !matches!(c, '\n' | '\t')).or(wrong);
    let Some(offset) = wrong else { return Ok(valid) };
    let before = &valid[..offset];
    let line = u32::try_from(before.split('\n').count()).unwrap_or(u32::MAX);
    let column = before.rsplit('\n').next().map_or(1, |line| line.len() + 1);
    Err(ConfigError { line, column: u32::try_from(column).unwrap_or(u32::MAX), fault: Fault::Text })
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    modules: Vec<Module>,
    slots: Vec<Slot>,
    sysctls: Vec<Sysctl>,
    device_timeout: Option<u32>,
    require_signature: Option<()>,
    minimum_version: Option<u64>,
    tries: Option<Tries>,
    verify: Option<Extent>,
    on_corruption: Option<Reaction>,
    on_io_error: Option<OnIoError>,
    root: Option<Root>,
    selinux: Option<Selinux>,
    enforcing: Option<()>,
    lockdown: Option<LockdownLevel>,
    etc: Option<Etc>,
    init: Option<Vec<String>>,
    on_failure: Option<Ending>,
    failure_delay: Option<u32>,
    panic_timeout: Option<u32>,
}

impl Reader {
    fn directive(&mut self, directive: Word<'_>, words: &mut Words<'_>) -> Result<(), ConfigError> {
        match directive.text {
            "module" => add(&mut self.modules, module(words)?, |one| &one.path, MAX_MODULES, directive),
            "slot" => add(&mut self.slots, slot(words)?, |one| &one.name, MAX_SLOTS, directive),
            "sysctl" => add(&mut self.sysctls, sysctl(words)?, |one| &one.key, MAX_SYSCTLS, directive),
            "device-timeout" => set(&mut self.device_timeout, seconds(words, 0)?, directive),
            "require-signature" => set(&mut self.require_signature, (), directive),
            "minimum-version" => set(&mut self.minimum_version, number(words.want("a version")?)?, directive),
            "tries" => set(&mut self.tries, choose(words, TRIES, "gpt or none")?, directive),
            "verify" => set(&mut self.verify, choose(words, EXTENTS, "ends or full")?, directive),
            "on-corruption" => {
                set(&mut self.on_corruption, choose(words, REACTIONS, REACTION_NAMES)?, directive)
            }
            "on-io-error" => set(&mut self.on_io_error, on_io_error(words)?, directive),
            "root" => set(&mut self.root, root(words)?, directive),
            "selinux" => set(&mut self.selinux, selinux(words)?, directive),
            "enforcing" => set(&mut self.enforcing, (), directive),
            "lockdown" => {
                let level = choose(words, LEVELS, "integrity or confidentiality")?;
                set(&mut self.lockdown, level, directive)
            }
            "etc" => set(&mut self.etc, etc(words)?, directive),
            "init" => set(&mut self.init, init(words)?, directive),
            "on-failure" => {
                set(&mut self.on_failure, choose(words, ENDINGS, "reboot, halt or poweroff")?, directive)
            }
            "failure-delay" => set(&mut self.failure_delay, seconds(words, 0)?, directive),
            "panic-timeout" => set(&mut self.panic_timeout, seconds(words, 1)?, directive),
            other => Err(directive.fails(Fault::Directive(other.to_owned()))),
        }
    }

    fn finish(self) -> Result<Config, Fault> {
        if self.slots.is_empty() {
            return Err(Fault::Missing("slot"));
        }
        let root = self.root.ok_or(Fault::Missing("root"))?;
        let init = self.init.ok_or(Fault::Missing("init"))?;
        let new = Config::new(self.slots, root, init);
        if self.enforcing.is_some() && self.selinux.is_none() {
            return Err(Fault::Missing("selinux"));
        }
        let enforcing = self.enforcing.is_some();
        let config = Config {
            modules: self.modules,
            device_timeout: self.device_timeout.unwrap_or(new.device_timeout),
            require_signature: self.require_signature.is_some(),
            minimum_version: self.minimum_version.unwrap_or(new.minimum_version),
            tries: self.tries.unwrap_or(new.tries),
            verify: self.verify.unwrap_or(new.verify),
            on_corruption: self.on_corruption.unwrap_or(new.on_corruption),
            on_io_error: self.on_io_error.unwrap_or(new.on_io_error),
            selinux: self.selinux.map(|selinux| Selinux { enforcing, ..selinux }),
            lockdown: self.lockdown,
            sysctls: self.sysctls,
            etc: self.etc,
            on_failure: self.on_failure.unwrap_or(new.on_failure),
            failure_delay: self.failure_delay.unwrap_or(new.failure_delay),
            panic_timeout: self.panic_timeout.unwrap_or(new.panic_timeout),
            ..new
        };
        agree(&config).map(|()| config)
    }
}

/// What one directive says must be possible with what others say.
fn agree(config: &Config) -> Result<(), Fault> {
    for slot in &config.slots {
        let name = &slot.name;
        if config.require_signature && slot.signature.is_none() {
            let what = format!("require-signature: slot {name} has no signature");
            return Err(Fault::Disagree(what));
        }
        if config.tries == Tries::Gpt && matches!(slot.data, DeviceRef::Path(_)) {
            let what = format!(
                "tries gpt: the data of slot {name} is named by a path, which need not be a partition"
            );
            return Err(Fault::Disagree(what));
        }
        if slot.fingerprint.is_some() && config.selinux.is_none() {
            return Err(Fault::Disagree(format!(
                "slot {name} has the fingerprint of a policy, and none is loaded"
            )));
        }
    }
    if config.etc.as_ref().is_some_and(|etc| etc.source == "/etc" || etc.source.starts_with("/etc/")) {
        return Err(Fault::Disagree("etc: what /etc is filled from would be hidden below it".to_owned()));
    }
    if config.sysctls.iter().any(|sysctl| sysctl.key == "kernel.panic" && sysctl.value.trim() == "0") {
        return Err(Fault::Disagree(
            "sysctl kernel.panic: with 0 a kernel that panics hangs for ever".to_owned(),
        ));
    }
    if config.slots.iter().all(|slot| slot.version < config.minimum_version) {
        return Err(Fault::Disagree("minimum-version: every slot is below it".to_owned()));
    }
    Ok(())
}

fn add<T>(
    list: &mut Vec<T>,
    value: T,
    key: impl Fn(&T) -> &str,
    limit: usize,
    directive: Word<'_>,
) -> Result<(), ConfigError> {
    if list.len() >= limit {
        let what = if directive.text == "module" { "modules" } else { "lines of this directive" };
        return Err(directive.fails(Fault::Count { what, limit }));
    }
    if list.iter().any(|other| key(other) == key(&value)) {
        return Err(directive.fails(Fault::Repeated(key(&value).to_owned())));
    }
    list.push(value);
    Ok(())
}
