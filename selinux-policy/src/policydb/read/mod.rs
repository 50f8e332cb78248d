//! Reading a policy, and refusing what the kernel would refuse.

mod check;
mod contexts;
mod cursor;
mod expression;
mod rules;
mod symbols;

use super::format::{self, MAGIC, config, version};
use super::{Bitmap, HandleUnknown, Policy, PolicyError, Problem, Target};
use check::Index;
use cursor::{Cursor, Result};

/// Reads a policy of any version that Linux or Xen load, 15 to 35.
///
/// What the kernel's own reader checks is checked: numbers name something, expressions fit its stack, contexts are valid,
/// no rule is there twice. Beyond that, what no writer of the format leaves in a file is refused: unknown bits, values
/// without a name, several forms of one set, and bytes after the end. That a Linux kernel needs the class `process` is not
/// asked for, so that small policies made for tests can be read.
///
/// # Errors
///
/// If the bytes are not such a policy: what and where. Memory is bounded by a small multiple of the bytes' length.
pub fn read(bytes: &[u8]) -> std::result::Result<Policy, PolicyError> {
    let mut cursor = Cursor::new(bytes);
    let mut policy = header(&mut cursor)?;
    // Symbols name others that come later, so a first look tells how many there are.
    let mut ahead = cursor.clone();
    cursor.highest = symbols::read(&mut ahead, &mut policy.clone())?;
    symbols::read(&mut cursor, &mut policy)?;
    check::symbols(&mut cursor, &policy)?;
    policy.reserved_roles = check::reserved_roles(&cursor, &policy);
    let index = Index::new(&policy);
    rules::read(&mut cursor, &mut policy, &index)?;
    policy.ocontexts = contexts::ocontexts(&mut cursor, &index, policy.target)?;
    policy.genfs = contexts::genfs(&mut cursor, &index)?;
    policy.range_transitions = contexts::range_transitions(&mut cursor, &index)?;
    policy.type_attribute_map = type_attribute_map(&mut cursor)?;
    cursor.end()?;
    Ok(policy)
}

fn header(cursor: &mut Cursor) -> Result<Policy> {
    let magic = cursor.u32()?;
    if magic != MAGIC {
        return Err(cursor.error_at(0, Problem::Magic(magic)));
    }
    let target = target(cursor)?;
    let version_at = cursor.offset();
    cursor.version = cursor.u32()?;
    let newest = if target == Target::Xen { version::XEN_MAX } else { version::MAX };
    if !(version::BASE..=newest).contains(&cursor.version) {
        return Err(cursor.error_at(version_at, Problem::Version { found: cursor.version, newest }));
    }
    let mut policy = Policy::new(cursor.version, target);
    configuration(cursor, &mut policy)?;
    fixed(cursor, "tables of symbols", format::symbol_tables(cursor.version))?;
    fixed(cursor, "lists of contexts", target.ocontext_lists(cursor.version))?;
    let bitmap_since = |cursor: &mut Cursor, version| {
        if cursor.version >= version { cursor.bitmap() } else { Ok(Bitmap::new()) }
    };
    policy.policycaps = bitmap_since(cursor, version::POLCAP)?;
    policy.permissive = bitmap_since(cursor, version::PERMISSIVE)?;
    policy.neveraudit = bitmap_since(cursor, version::NEVERAUDIT)?;
    Ok(policy)
}

fn target(cursor: &mut Cursor) -> Result<Target> {
    let start = cursor.offset();
    let length = cursor.u32()?;
    let name = cursor.take(length as usize)?;
    let known = [Target::Selinux, Target::Xen].into_iter().find(|target| target.name() == name);
    // Only what could be a name is repeated: the length is not to be trusted.
    let shown = String::from_utf8_lossy(&name[..name.len().min(32)]).into_owned();
    known.ok_or_else(|| cursor.error_at(start, Problem::Target(shown)))
}

fn configuration(cursor: &mut Cursor, policy: &mut Policy) -> Result<()> {
    let start = cursor.offset();
    let bits = cursor.u32()?;
    policy.mls = bits & config::MLS != 0;
    let all = [HandleUnknown::Deny, HandleUnknown::Reject, HandleUnknown::Allow];
    let handle_unknown = all.into_iter().find(|it| it.bits() == bits & !config::MLS);
    let is_too_old = policy.mls && cursor.version < version::MLS;
    let Some(handle_unknown) = handle_unknown.filter(|_| !is_too_old) else {
        let problem = Problem::Code { what: "configuration of this version", value: bits.into() };
        return Err(cursor.error_at(start, problem));
    };
    policy.handle_unknown = handle_unknown;
    cursor.mls = policy.mls;
    Ok(())
}

fn fixed(cursor: &mut Cursor, what: &'static str, expected: u32) -> Result<()> {
    let start = cursor.offset();
    let found = cursor.u32()?;
    if found != expected {
        return Err(cursor.error_at(start, Problem::Fixed { what, expected, found }));
    }
    Ok(())
}

/// Before version 20 there are no attributes: each type has itself.
fn type_attribute_map(cursor: &mut Cursor) -> Result<Vec<Bitmap>> {
    cursor.enter("map of types to attributes");
    let highest = cursor.highest.types;
    if cursor.version < version::AVTAB {
        return Ok((0..highest).map(|bit| Bitmap::from_iter([bit])).collect());
    }
    (0..cursor.check_count(highest, 12)?).map(|_| cursor.values("type", highest)).collect()
}
