//! Opening a slot's verity device.

use std::time::Duration;

use hardpan_sys::dm::{DmError, Name};
use hardpan_sys::machine::Machine;
use hardpan_verity::table::{ErrorMode, VerityTable};

use super::config::{Extent, Reaction, Slot};
use super::devices::Found;
use super::plan::VerityStep;
use super::reason::{Failure, Reason, Scope, failed};
use super::receipt::Outcome;
use super::run::Done;
use crate::mapping::{self, Mapped, OpenError, OpenFailure};

/// Devices of a slot: data and tree.
#[derive(Clone, Debug)]
pub(super) struct SlotDevices {
    pub(super) data: Found,
    pub(super) hash: Found,
}

/// Whether both devices are as long as the table says.
pub(super) fn check_sizes(slot: &Slot, devices: &SlotDevices) -> Result<(), Failure> {
    let layout = slot.layout().map_err(|error| Failure::machine(Reason::Configuration, error))?;
    // Parity is checked by the kernel alone: without it the device is as good.
    for (what, found, end) in [("data", &devices.data, layout.data_end), ("tree", &devices.hash, layout.end)]
    {
        if found.size < end {
            let text = format!(
                "the device {} of the {what} has {} bytes, and the {what} ends at {end}",
                found.number, found.size
            );
            return Err(Failure::slot(Reason::Truncated, text));
        }
    }
    Ok(())
}

/// Hands a slot's signature to the kernel.
pub(super) fn add_signature(machine: &mut dyn Machine, slot: &Slot, path: &str) -> Result<Done, Failure> {
    let read = machine.read(path, hardpan_sys::keyring::MAX_PAYLOAD);
    let signature = read.map_err(failed(Scope::Slot, Reason::SignatureMissing, path))?;
    let added = machine.add_key(&key_description(slot), &signature);
    added.map_err(failed(Scope::Slot, Reason::SignatureMissing, "the key with the signature"))?;
    Ok(Done::new(Outcome::Done, format!("{} bytes", signature.len())))
}

/// Opens a slot's device and reads. I/O errors are tried again twice.
pub(super) fn open(
    machine: &mut dyn Machine,
    slot: &Slot,
    devices: &SlotDevices,
    step: VerityStep,
) -> Result<(Mapped, Done), Failure> {
    let name = mapping_name(slot)?;
    let mut table = kernel_table(slot, devices, step);
    let read = match step.extent {
        Extent::Ends => "the first and the last block are verified",
        Extent::All => "all blocks are verified",
    };
    let mut got = read.to_owned();
    let mut outcome = Outcome::Proved;
    let mut retries = 0;
    loop {
        let plan = mapping::Plan {
            uuid: mapping::uuid(None, &name),
            name: name.clone(),
            table: table.clone(),
            extent: step.extent,
        };
        let failure = match try_open(machine, &plan)? {
            Ok(mapped) => return Ok((mapped, Done::new(outcome, got))),
            Err(failure) => failure,
        };
        if let Some(left) = &failure.left {
            let text = format!("{failure}: {left}");
            return Err(Failure { scope: Scope::Machine, text, ..refusal(slot, &failure) });
        }
        match &failure.reason {
            OpenError::Read { .. } if retries < IO_RETRIES => {
                retries += 1;
                machine.sleep(IO_PAUSE);
            }
            reason if table.options.io_error.is_some() && lacks_io_error_mode(reason) => {
                if !step.on_io_error.or_weaker {
                    let text = format!("{failure}; `or-weaker` would have reads fail instead");
                    return Err(Failure::machine(Reason::IoErrorMode, text));
                }
                table.options.io_error = None;
                outcome = Outcome::Weaker;
                got = format!(
                    "{read}; the kernel knows no {} on I/O errors: reads fail",
                    step.on_io_error.reaction.name()
                );
            }
            _ => return Err(refusal(slot, &failure)),
        }
    }
}

/// Removes a slot's mapping.
pub(super) fn close(machine: &mut dyn Machine, slot: &Slot) -> Result<(), Failure> {
    let name = mapping_name(slot)?;
    let fails = |error: &dyn std::fmt::Display| {
        Failure::machine(Reason::Mount, format!("the device of slot {} stays: {error}", slot.name))
    };
    let mut kernel = machine.device_mapper().map_err(|error| fails(&error))?;
    let nodes = machine.nodes();
    let closed = mapping::close(
        kernel.as_mut(),
        nodes.as_ref(),
        &name,
        hardpan_sys::dm::Removal::Now,
        mapping::Patience::DEFAULT,
    );
    closed.map(drop).map_err(|error| fails(&error))
}

/// Asks whether all that was read so far belonged to the root hash, of the table that was asked for.
pub(super) fn status(machine: &mut dyn Machine, slot: &Slot) -> Result<Done, Failure> {
    let name = mapping_name(slot)?;
    let mut kernel = machine.device_mapper().map_err(|error| no_device_mapper(&error))?;
    let status = mapping::status(kernel.as_mut(), &name);
    let status = status.map_err(|error| Failure::machine(Reason::Probe, error))?;
    if status.verity.corrupted {
        return Err(Failure::machine(Reason::RootHash, "the kernel has found corrupt blocks since"));
    }
    // The kernel names devices by number, and has options that the configuration says elsewhere.
    let mut found = status.table.clone();
    found.data_device.clone_from(&slot.table.data_device);
    found.hash_device.clone_from(&slot.table.hash_device);
    found.options.clone_from(&slot.table.options);
    if found != slot.table {
        return Err(Failure::machine(
            Reason::Probe,
            "the device has another table than the one that was opened",
        ));
    }
    match status.warnings().first() {
        None => Ok(Done::new(Outcome::Proved, "V".to_owned())),
        Some(warning) => Err(Failure::machine(Reason::Probe, warning)),
    }
}

/// Whether the kernel found something corrupt in a slot's device; not if it cannot be asked.
pub(super) fn is_corrupt(machine: &mut dyn Machine, slot: &Slot) -> bool {
    let Ok(name) = mapping_name(slot) else { return false };
    let Ok(mut kernel) = machine.device_mapper() else { return false };
    mapping::status(kernel.as_mut(), &name).is_ok_and(|status| status.verity.corrupted)
}

/// One try. The outer error is one that no other table helps.
fn try_open(machine: &mut dyn Machine, plan: &mapping::Plan) -> Result<Result<Mapped, OpenFailure>, Failure> {
    let mut kernel = machine.device_mapper().map_err(|error| no_device_mapper(&error))?;
    let targets = kernel.target_versions().map_err(|error| no_device_mapper(&error))?;
    if !targets.iter().any(|target| target.name == "verity") {
        let text = "the kernel has no verity target; the module dm-verity may not be loaded";
        return Err(Failure::machine(Reason::NoVerity, text));
    }
    let nodes = machine.nodes();
    Ok(mapping::open(kernel.as_mut(), nodes.as_ref(), plan, &|_| true))
}

fn no_device_mapper(error: &DmError) -> Failure {
    Failure { errno: error.errno(), ..Failure::machine(Reason::NoDeviceMapper, error) }
}

/// The table with the devices' numbers, which mean one device whatever nodes there are.
fn kernel_table(slot: &Slot, devices: &SlotDevices, step: VerityStep) -> VerityTable {
    let mut table = slot.table.clone();
    let (data, hash) = (devices.data.number.to_string(), devices.hash.number.to_string());
    if let Some(fec) = &mut table.options.fec {
        fec.device = if fec.device == "DATA" { data.clone() } else { hash.clone() };
    }
    (table.data_device, table.hash_device) = (data, hash);
    table.options.corruption = mode(step.on_corruption);
    table.options.io_error = mode(step.on_io_error.reaction);
    table.options.signature_key = slot.signature.is_some().then(|| key_description(slot));
    table
}

fn mode(reaction: Reaction) -> Option<ErrorMode> {
    match reaction {
        Reaction::Restart => Some(ErrorMode::Restart),
        Reaction::Panic => Some(ErrorMode::Panic),
        Reaction::Eio => None,
    }
}

fn key_description(slot: &Slot) -> String {
    format!("hardpan:root-hash:{}", slot.name)
}

fn mapping_name(slot: &Slot) -> Result<Name, Failure> {
    // A slot's name has only what device names have, and fewer letters.
    let name = Name::new(&format!("root-{}", slot.name));
    name.map_err(|_| Failure::machine(Reason::Configuration, "a slot's name cannot be a device's"))
}

/// Whether this may be a kernel that does not know the option. The option came without a new version of the target, and the
/// kernel says `EINVAL` to every option that it does not know.
fn lacks_io_error_mode(error: &OpenError) -> bool {
    match error {
        OpenError::Unsupported { option, .. } => option.ends_with("_on_error"),
        // The same table was loaded without the option before.
        OpenError::Load { table, error } => error.errno() == Some(EINVAL) && table.contains("_on_error"),
        _ => false,
    }
}

fn refusal(slot: &Slot, failure: &OpenFailure) -> Failure {
    let errno = match &failure.reason {
        OpenError::Kernel(error) | OpenError::Load { error, .. } => error.errno(),
        OpenError::Read { error, .. } => error.raw_os_error(),
        OpenError::Node(error) => error.reason.raw_os_error(),
        _ => None,
    };
    let reason = match &failure.reason {
        OpenError::Corrupt { .. } => Reason::RootHash,
        OpenError::Load { .. } => by_errno(errno, slot.signature.is_some()),
        OpenError::Unsupported { .. } => {
            return Failure::machine(Reason::NoVerity, failure);
        }
        OpenError::Length => Reason::Configuration,
        _ => Reason::IoError,
    };
    Failure { errno, ..Failure::slot(reason, failure) }
}

/// Why the kernel refuses a table.
fn by_errno(errno: Option<i32>, is_signed: bool) -> Reason {
    match errno {
        Some(E2BIG) => Reason::Truncated,
        Some(ENOKEY | EKEYEXPIRED | EKEYREVOKED) if is_signed => Reason::SignatureUntrusted,
        Some(ENOKEY) => Reason::SignatureMissing,
        Some(EKEYREJECTED | EBADMSG) => Reason::SignatureMismatch,
        Some(EINVAL) => Reason::Configuration,
        _ => Reason::IoError,
    }
}

/// How often an I/O error is tried again, and after which pause.
const IO_RETRIES: u32 = 2;
const IO_PAUSE: Duration = Duration::from_millis(100);
/// From `asm-generic/errno-base.h` and `errno.h`.
const E2BIG: i32 = 7;
const EINVAL: i32 = 22;
const EBADMSG: i32 = 74;
const ENOKEY: i32 = 126;
const EKEYEXPIRED: i32 = 127;
const EKEYREVOKED: i32 = 128;
const EKEYREJECTED: i32 = 129;
