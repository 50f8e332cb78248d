//! Extended attributes of the whole tree.

use std::sync::atomic::{AtomicBool, Ordering};

use hardpan_image::{EntryId, Fault, Index};
use hardpan_report::{Finding, Location};
use rayon::prelude::*;

use super::Progress;
use crate::Attributes;
use crate::context::cause_of_fault;

/// What one entry's attributes say.
struct Seen {
    id: EntryId,
    labelled: bool,
    capability: Option<Vec<u8>>,
    unread: Option<Finding>,
}

/// Reads the attributes of every entry; `None` if stopped.
pub(super) fn read(index: &Index<'_>, progress: Progress<'_>) -> Option<Attributes> {
    let any = AtomicBool::new(false);
    let seen: Option<Vec<Seen>> = index
        .par_entries()
        .map(|entry| if progress(0) { Some(look(index, entry.id, &any)) } else { None })
        .filter(|seen| !matches!(seen, Some(Seen { labelled: true, capability: None, unread: None, .. })))
        .collect();
    let seen = seen?;
    let mut attributes = Attributes { any: any.into_inner(), ..Attributes::default() };
    for seen in seen {
        if !seen.labelled && seen.unread.is_none() {
            attributes.unlabelled += 1;
            if attributes.unlabelled_examples.len() < EXAMPLES {
                attributes.unlabelled_examples.push(seen.id);
            }
        }
        attributes.capabilities.extend(seen.capability.map(|capability| (seen.id, capability)));
        attributes.unread.extend(seen.unread);
    }
    attributes.labelled = index.len() as u64 - attributes.unlabelled - attributes.unread.len() as u64;
    attributes.capabilities.sort_by_cached_key(|(id, _)| index.path(*id));
    Some(attributes)
}

fn look(index: &Index<'_>, id: EntryId, any: &AtomicBool) -> Seen {
    let mut seen = Seen { id, labelled: false, capability: None, unread: None };
    match index.xattrs(id) {
        Ok(xattrs) => {
            if !xattrs.is_empty() {
                any.store(true, Ordering::Relaxed);
            }
            for xattr in xattrs {
                match &*xattr.name {
                    b"security.selinux" => seen.labelled = true,
                    b"security.capability" => seen.capability = Some(xattr.value.to_vec()),
                    _ => {}
                }
            }
        }
        // On a live host files come and go; one that went has no attributes to judge.
        Err(error) if error.fault() == Fault::Gone => {}
        Err(error) => {
            let location = Location::file(index.path(id));
            let reason = format!("its extended attributes cannot be read: {error}");
            seen.unread =
                Some(Finding::unknown(cause_of_fault(error.fault()), Some(location), "xattrs", reason));
        }
    }
    seen
}

/// Enough to see what kind of files they are.
const EXAMPLES: usize = 5;
