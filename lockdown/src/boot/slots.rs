//! Which slot is tried when: priorities and tries in partition tables.

use std::time::Duration;

use hardpan_sys::machine::Machine;

use super::config::Slot;
use super::devices::{self, DiskReader, Found, Place, Purpose};
use super::reason::{Failure, Reason, Scope, failed};
use super::receipt::{Outcome, Refused};
use super::run::Done;
use crate::gpt::{Attributes, Gpt};

/// The order in which slots are tried, and those that are not.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// By their number, with the data partition if it was looked for.
    pub(super) slots: Vec<(usize, Option<Found>)>,
    pub(super) refused: Vec<Refused>,
    /// Whether a slot was refused because of its priority or because its tries are used up, so that a restart would change
    /// nothing.
    pub(super) exhausted: bool,
}

/// Sorts slots by priority, and leaves those out that have none, or no tries left. `forced` is the one that the command line
/// chose, which is tried in any case.
pub(super) fn order(
    machine: &mut dyn Machine,
    slots: &[&Slot],
    timeout: u32,
    forced: bool,
) -> Result<(Order, Done), Failure> {
    let wanted: Vec<(&Slot, Purpose)> = slots.iter().map(|slot| (*slot, Purpose::Data)).collect();
    let found = devices::wait(machine, &wanted, Duration::from_secs(timeout.into()));
    let mut order = Order::default();
    let mut told = Vec::new();
    let mut candidates: Vec<(usize, u8, Found)> = Vec::new();
    for (index, (slot, found)) in slots.iter().zip(found).enumerate() {
        let mut refuse = |reason, text: String| {
            told.push(format!("{}: {text}", slot.name));
            order.refused.push(Refused { slot: slot.name.clone(), reason, text });
        };
        match found {
            Err(failure) if failure.scope == Scope::Machine => return Err(failure),
            Err(failure) => refuse(failure.reason, failure.text),
            Ok(found) => {
                let attributes = place(&found)?.partition.attributes;
                if is_bootable(attributes) || forced {
                    told.push(format!("{}: {attributes}", slot.name));
                    // Among equals the order of the configuration stays.
                    let priority = attributes.priority();
                    let at = candidates.partition_point(|(_, other, _)| *other >= priority);
                    candidates.insert(at, (index, priority, found));
                } else {
                    refuse(Reason::Tries, attributes.to_string());
                    order.exhausted = true;
                }
            }
        }
    }
    order.slots = candidates.into_iter().map(|(index, _, found)| (index, Some(found))).collect();
    Ok((order, Done::new(Outcome::Done, told.join("; "))))
}

/// Whether a slot may be tried at all.
fn is_bootable(attributes: Attributes) -> bool {
    attributes.priority() > 0 && (attributes.successful() || attributes.tries() > 0)
}

/// Counts a try, before anything of the slot is used: if the machine does not survive it, it was counted. A slot that booted
/// once has no tries to be counted.
pub(super) fn count(machine: &mut dyn Machine, found: &Found) -> Result<Done, Failure> {
    let Place { disk, partition } = place(found)?;
    let tries = Reason::Tries;
    let gpt = Gpt::read(&mut DiskReader { machine, disk }, disk.size, disk.sector_size);
    let gpt = gpt.map_err(|error| Failure::slot(tries, format!("{}: {error}", disk.name)))?;
    let now = gpt.partitions.iter().find(|one| one.uuid == partition.uuid && one.number == partition.number);
    let now = now.ok_or_else(|| Failure::slot(tries, "the partition table changed meanwhile"))?.attributes;
    if now.successful() || now.tries() == 0 {
        return Ok(Done::new(Outcome::Done, format!("{now}: not counted")));
    }
    let left = now.with_tries(now.tries() - 1);
    let writes = gpt.set_attributes(partition.number, left);
    let writes = writes.map_err(|error| Failure::slot(tries, format!("{}: {error}", disk.name)))?;
    for write in &writes {
        let written = machine.write_at(&disk.node, write.offset, &write.bytes);
        written.map_err(failed(Scope::Slot, tries, &disk.node))?;
    }
    let read = Gpt::read(&mut DiskReader { machine, disk }, disk.size, disk.sector_size);
    let read = read.map_err(|error| Failure::slot(tries, format!("{}: {error}", disk.name)))?;
    let is_counted =
        read.partitions.iter().any(|one| one.number == partition.number && one.attributes == left);
    if !is_counted || read.is_damaged() {
        return Err(Failure::slot(tries, "the partition table does not read back as it was written"));
    }
    Ok(Done::new(Outcome::Proved, left.to_string()))
}

fn place(found: &Found) -> Result<&Place, Failure> {
    found.partition.as_ref().ok_or_else(|| Failure::slot(Reason::Configuration, "it is no partition"))
}
