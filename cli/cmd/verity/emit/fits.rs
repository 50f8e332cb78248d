//! Which option goes with which format. An option that would do nothing is an error: who gave it relies on it.

use anyhow::bail;
use clap::ValueEnum as _;

use super::EmitArgs;
use super::EmitFormat::{self, DmModCreate, DmTable, Dps, DpsSignature, Grub, Roothash, Usrhash, Veritytab};

const TABLES: &[EmitFormat] = &[DmTable, DmModCreate, Grub];
const SYSTEMD: &[EmitFormat] = &[Roothash, Usrhash, Veritytab];
const DEVICES: &[EmitFormat] = &[DmTable, DmModCreate, Grub, Roothash, Usrhash, Veritytab];

pub(super) fn check(args: &EmitArgs) -> anyhow::Result<()> {
    let EmitArgs { format, boot, behaviour, systemd, partitions, .. } = args;
    let options: [(bool, &str, &[EmitFormat]); 21] = [
        (boot.data_device.is_some(), "--data-device", DEVICES),
        (boot.hash_device.is_some(), "--hash-device", DEVICES),
        (boot.name.is_some(), "--name", &[DmModCreate, Grub, Veritytab]),
        (behaviour.on_corruption.is_some(), "--on-corruption", DEVICES),
        (behaviour.on_error.is_some(), "--on-error", TABLES),
        (behaviour.kernel.is_some(), "--kernel", TABLES),
        (behaviour.ignore_zero_blocks, "--ignore-zero-blocks", DEVICES),
        (behaviour.danger_ignore_corruption, "--danger-ignore-corruption", DEVICES),
        (behaviour.danger_check_at_most_once, "--danger-check-at-most-once", DEVICES),
        (behaviour.fec_device.is_some(), "--fec-device", DEVICES),
        (behaviour.fec_blocks.is_some(), "--fec-blocks", TABLES),
        // No keyring has a key yet when the kernel heeds dm-mod.create=.
        (behaviour.signature_key.is_some(), "--signature-key", &[DmTable]),
        (systemd.pin_geometry, "--pin-geometry", SYSTEMD),
        (systemd.signature_path.is_some(), "--signature-path", SYSTEMD),
        (!systemd.unit.is_empty(), "--unit", &[Veritytab]),
        (partitions.architecture.is_some(), "--architecture", &[Dps]),
        (partitions.usr, "--usr", &[Dps]),
        (partitions.signature.is_some(), "--signature", &[DpsSignature]),
        (partitions.certificate.is_some(), "--certificate", &[DpsSignature]),
        (partitions.partition_size.is_some(), "--partition-size", &[DpsSignature]),
        (behaviour.fec_offset.is_some(), "--fec-offset", DEVICES),
    ];
    let stray = options.into_iter().find(|(given, _, formats)| *given && !formats.contains(format));
    let Some((_, option, formats)) = stray else { return Ok(()) };
    bail!("{option} does nothing with --format {}: it is for {}", name(*format), names(formats))
}

fn names(formats: &[EmitFormat]) -> String {
    formats.iter().map(|format| name(*format)).collect::<Vec<_>>().join(", ")
}

/// The name of a format on the command line.
pub(super) fn name(format: EmitFormat) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
