//! Broken promises of a policy, in words.

use std::fmt::Write as _;

use crate::check::{Access, BoundsExceeded, NeverAllowed, Report, Site, TypeBoundsExceeded};
use crate::emit::Faults;
use crate::ir::{ClassId, Ir, RoleId, TypeId, UserId, XKind};
use crate::sema::Bitset;

/// Of a set no more names are told than this.
const MAX_NAMES: usize = 10;

/// Tells all of them.
pub(super) fn tell(ir: &Ir, report: &Report, faults: &mut Faults<'_>) {
    report.never_allowed.iter().for_each(|broken| never_allowed(ir, broken, faults));
    report.type_bounds.iter().for_each(|broken| type_bounds(ir, broken, faults));
    for broken in &report.role_bounds {
        let name = |id: RoleId| ir.names.text(ir.roles[id.index()].name);
        let lacks = names(&broken.lacks, |place| ir.names.text(ir.types[place].name));
        bounds(("role", "types", &name), broken, &lacks, faults);
    }
    for broken in &report.user_bounds {
        let name = |id: UserId| ir.names.text(ir.users[id.index()].name);
        let lacks = names(&broken.lacks, |place| ir.names.text(ir.roles[place].name));
        bounds(("user", "roles", &name), broken, &lacks, faults);
    }
    if report.omitted > 0 {
        let message = format!("{} more violations are not told", report.omitted);
        faults.error_of_all("violations", message);
    }
}

fn never_allowed(ir: &Ir, broken: &NeverAllowed, faults: &mut Faults<'_>) {
    let (source, target) = (type_name(ir, broken.source), type_name(ir, broken.target));
    let access = match &broken.access {
        Access::Permissions(bits) => permissions(ir, broken.class, *bits),
        Access::EveryNumber(kind) => format!("{} of every number", extended(*kind)),
        Access::Numbers(kind, ranges) => format!("{} of {}", extended(*kind), numbers(ranges)),
    };
    let class = ir.names.text(ir.classes[broken.class.index()].name);
    let mut message =
        format!("{source} may {access} on {target} (class {class}), which a neverallow forbids");
    if broken.pairs > 1 {
        _ = write!(message, "; so for {} pairs of source and target", broken.pairs);
    }
    if let Some(when) = when(broken.rule) {
        _ = write!(message, "; {when}");
    }
    faults.conflict("neverallow", (broken.rule.origin, message), (broken.promise, "forbidden here"));
}

fn type_bounds(ir: &Ir, broken: &TypeBoundsExceeded, faults: &mut Faults<'_>) {
    let (child, parent) = (type_name(ir, broken.child), type_name(ir, broken.parent));
    let (access, target) = (permissions(ir, broken.class, broken.permissions), type_name(ir, broken.target));
    let class = ir.names.text(ir.classes[broken.class.index()].name);
    let mut message =
        format!("{child} may {access} on {target} (class {class}), which {parent}, that bounds it, may not");
    if broken.targets > 1 {
        _ = write!(message, "; so for {} targets", broken.targets);
    }
    if let Some(when) = when(broken.rule) {
        _ = write!(message, "; {when}");
    }
    faults.conflict("typebounds", (broken.rule.origin, message), (broken.promise, "bounded here"));
}

fn bounds<T: Copy>(
    (kind, what, name): (&str, &str, &dyn Fn(T) -> String),
    broken: &BoundsExceeded<T>,
    lacks: &str,
    faults: &mut Faults<'_>,
) {
    let (child, parent) = (name(broken.child), name(broken.parent));
    let message = format!("{kind} {child} has {what} that {parent}, which bounds it, has not: {lacks}");
    let code = if kind == "role" { "rolebounds" } else { "userbounds" };
    faults.error(code, broken.promise, message);
}

fn when(site: Site) -> Option<&'static str> {
    let (_, holds) = site.conditional?;
    Some(if holds {
        "when the condition of its booleanif holds"
    } else {
        "when the condition of its booleanif does not hold"
    })
}

fn type_name(ir: &Ir, id: TypeId) -> String {
    ir.names.text(ir.types[id.index()].name)
}

/// The permissions of a class by their bits.
fn permissions(ir: &Ir, class: ClassId, bits: u32) -> String {
    let class = &ir.classes[class.index()];
    let common = class.common.map_or(&[][..], |common| &ir.commons[common.index()].permissions);
    let all = common.iter().chain(&class.permissions).take(32);
    let named = all.enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    named.map(|(_, name)| ir.names.text(*name)).collect::<Vec<_>>().join(", ")
}

fn extended(kind: XKind) -> &'static str {
    match kind {
        XKind::Ioctl => "ioctl",
        XKind::Nlmsg => "nlmsg",
    }
}

fn numbers(ranges: &[(u16, u16)]) -> String {
    let range = |(low, high): &(u16, u16)| {
        if low == high { format!("{low:#x}") } else { format!("{low:#x} to {high:#x}") }
    };
    let mut text = ranges.iter().take(MAX_NAMES).map(range).collect::<Vec<_>>().join(", ");
    if ranges.len() > MAX_NAMES {
        text.push_str(" ...");
    }
    text
}

fn names(set: &Bitset, name: impl Fn(usize) -> String) -> String {
    let mut text = set.iter().take(MAX_NAMES).map(name).collect::<Vec<_>>().join(", ");
    if set.count() > MAX_NAMES {
        text.push_str(" ...");
    }
    text
}
