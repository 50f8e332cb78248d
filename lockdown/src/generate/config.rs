//! A boot configuration from a profile.

use hardpan_verity::table::VerityTable;

use super::initramfs::{module_path, signature_path};
use super::{GenerateError, Image, Inputs};
use crate::boot::Config;
use crate::boot::config::{Etc, Module, OnIoError, Root, Selinux, Slot, Sysctl};
use crate::profile::{self, Profile};
use crate::settings::Settings;

pub(super) fn config(
    profile: &Profile,
    inputs: &Inputs,
    settings: &Settings,
) -> Result<Config, GenerateError> {
    let slots = profile.slots().zip(&inputs.images).map(|(slot, image)| self::slot(profile, slot, image));
    let slots = slots.collect::<Result<Vec<_>, _>>()?;
    if slots.is_empty() {
        return Err(GenerateError::Missing { what: "[[slot]]" });
    }
    let root = profile
        .root
        .as_ref()
        .ok_or(GenerateError::Missing { what: "[root] with the type of the file system" })?;
    let root = Root { fs_type: root.fs_type.clone(), options: root.options.clone() };
    let new = Config::new(slots, root, profile.boot.init());
    let (boot, verity) = (&profile.boot, &profile.verity);
    Ok(Config {
        modules: inputs.modules.iter().map(|module| self::module(profile, module)).collect(),
        device_timeout: boot.device_timeout.unwrap_or(new.device_timeout),
        require_signature: verity.require_signature,
        minimum_version: boot.minimum_version,
        tries: boot.tries.unwrap_or(new.tries),
        verify: verity.verify.unwrap_or(new.verify),
        on_corruption: verity.on_corruption.unwrap_or(new.on_corruption),
        on_io_error: OnIoError {
            reaction: verity.on_io_error.unwrap_or(new.on_io_error.reaction),
            or_weaker: verity.or_weaker.unwrap_or(new.on_io_error.or_weaker),
        },
        selinux: profile.selinux.as_ref().map(|selinux| self::selinux(selinux, inputs)),
        lockdown: profile.kernel.lockdown,
        sysctls: settings.settings.iter().map(sysctl).collect(),
        etc: profile.etc.as_ref().map(etc),
        on_failure: boot.on_failure.unwrap_or(new.on_failure),
        failure_delay: boot.failure_delay.unwrap_or(new.failure_delay),
        panic_timeout: boot.panic_timeout.unwrap_or(new.panic_timeout),
        ..new
    })
}

fn slot(profile: &Profile, slot: &profile::Slot, image: &Image) -> Result<Slot, GenerateError> {
    let table = VerityTable::new(&image.params, image.area, &image.root, "DATA", "HASH");
    let mut table = table.map_err(|error| GenerateError::Geometry { slot: slot.name.clone(), error })?;
    table.options.ignore_zero_blocks = profile.verity.ignore_zero_blocks;
    Ok(Slot {
        name: slot.name.clone(),
        version: slot.version,
        data: slot.data_device.clone(),
        hash: slot.hash_device.clone(),
        table,
        signature: image.signature.as_ref().map(|_| format!("/{}", signature_path(&slot.name))),
        fingerprint: image.fingerprint,
    })
}

fn module(profile: &Profile, module: &crate::modules::Ordered) -> Module {
    Module {
        path: format!("/{}", module_path(&module.name)),
        required: module.required,
        parameters: profile.modules.parameters_of(&module.name).to_owned(),
    }
}

fn selinux(selinux: &profile::Selinux, inputs: &Inputs) -> Selinux {
    Selinux {
        path: selinux.path.clone(),
        fingerprint: inputs.fingerprint.or_else(|| selinux.fingerprint()),
        enforcing: selinux.enforcing,
    }
}

fn sysctl(setting: &crate::settings::Setting) -> Sysctl {
    Sysctl { key: setting.key.clone(), value: setting.value.clone(), required: setting.required }
}

fn etc(etc: &profile::Etc) -> Etc {
    Etc { source: etc.source.clone(), size: etc.size, mode: etc.mode(), context: etc.context.clone() }
}
