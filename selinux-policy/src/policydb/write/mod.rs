//! Writing a policy in the order that it has.

mod contexts;
mod rules;
mod sink;
mod symbols;

use super::contexts::Ocontexts;
use super::format::{self, MAGIC, config, version};
use super::{Bitmap, Policy, Target};
use sink::Sink;

/// Why a policy cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The version is not one that is written.
    #[error("version {0} of the format cannot be written, only 24 to 35 can")]
    Version(u32),
    /// The version is not one that policies for Xen have.
    #[error("policies for Xen end with version 30 of the format, so {0} cannot be written")]
    XenVersion(u32),
    /// The version has no rules of extended permissions in conditionals.
    #[error("a conditional has rules of extended permissions, which version {0} lacks: they began with 34")]
    ConditionalXperms(u32),
    /// The version has no rules of extended permissions.
    #[error("there are rules of extended permissions, which version {0} lacks: they began with 30")]
    Xperms(u32),
    /// Xen has no rules of extended permissions.
    #[error("there are rules of extended permissions, which policies for Xen cannot have")]
    XenXperms,
    /// A range of memory that versions before 30 cannot hold.
    #[error("memory from page {0:#x} on cannot be written in version {1}: 64-bit pages began with 30")]
    Memory(u64, u32),
}

/// The bytes of a policy, in the order of its lists: see [`Policy::arrange`] for the order that libsepol has.
///
/// What the policy's version cannot hold and libsepol leaves out without failing is left out: contexts of InfiniBand before
/// 31, the default range `glblub` before 32, and types that are never audited before 35.
///
/// # Errors
///
/// If the version is not one of 24 to 35 (30 for Xen), or lacks something that may not be left out.
pub fn write(policy: &Policy) -> Result<Vec<u8>, WriteError> {
    if !(version::BOUNDARY..=version::MAX).contains(&policy.version) {
        return Err(WriteError::Version(policy.version));
    }
    if policy.target == Target::Xen && policy.version > version::XEN_MAX {
        return Err(WriteError::XenVersion(policy.version));
    }
    let mut sink = Sink::new(policy.version);
    header(&mut sink, policy);
    symbols::write(&mut sink, policy);
    rules::write(&mut sink, policy)?;
    match &policy.ocontexts {
        Ocontexts::Selinux(lists) => contexts::selinux(&mut sink, lists),
        Ocontexts::Xen(lists) => contexts::xen(&mut sink, lists)?,
    }
    contexts::genfs(&mut sink, &policy.genfs);
    rules::range_transitions(&mut sink, &policy.range_transitions);
    policy.type_attribute_map.iter().for_each(|attributes| sink.bitmap(attributes));
    Ok(sink.into_bytes())
}

fn header(sink: &mut Sink, policy: &Policy) {
    sink.u32(MAGIC);
    sink.counted(policy.target.name());
    sink.u32(policy.version);
    sink.u32(if policy.mls { config::MLS } else { 0 } | policy.handle_unknown.bits());
    sink.u32(format::symbol_tables(policy.version));
    sink.u32(policy.target.ocontext_lists(policy.version));
    sink.bitmap(&policy.policycaps);
    sink.bitmap(&policy.permissive);
    if policy.version >= version::NEVERAUDIT {
        sink.bitmap(&policy.neveraudit);
    }
}

impl Sink {
    /// An `ebitmap`: the size of words, the bit after the last word, the number of words, and each word after its first bit.
    fn bitmap(&mut self, bitmap: &Bitmap) {
        let words = bitmap.words();
        self.u32(super::bitmap::WORD_BITS);
        self.u32(bitmap.high_bit());
        self.count(words.len());
        for (place, word) in words {
            self.u32(place * super::bitmap::WORD_BITS);
            self.u64(*word);
        }
    }
}
