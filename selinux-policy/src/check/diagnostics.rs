//! What is wrong, in words.

use super::{Access, BoundsExceeded, NeverAllowed, Report, Site, TypeBoundsExceeded};
use crate::diagnostic::Diagnostic;
use crate::ir::{ClassId, Ir, RoleId, TypeId, UserId, XKind};
use crate::names::Symbol;

/// As many violations are told, so that there is room for how many more there are.
const MAX_TOLD: usize = 900;
/// As many names of a list are told.
const MAX_NAMES: usize = 8;

impl Report {
    /// What is wrong, each violation with the rule, the promise that it breaks, and how.
    pub fn diagnostics(&self, ir: &Ir) -> Vec<Diagnostic> {
        let never = self.never_allowed.iter().map(|broken| never_allowed(ir, broken));
        let types = self.type_bounds.iter().map(|broken| type_bounds(ir, broken));
        let roles = self.role_bounds.iter().map(|broken| role_bounds(ir, broken));
        let users = self.user_bounds.iter().map(|broken| user_bounds(ir, broken));
        let mut all: Vec<Diagnostic> = Vec::new();
        if self.unchecked > 0 {
            let message = format!(
                "the rules of this policy are too many to hold them all against its promises: {} neverallow rules or \
                 bounds are not checked to their end",
                self.unchecked
            );
            all.push(Diagnostic::error("too-many-rules", message).help("-N compiles without these checks"));
        }
        let untold = self.found().saturating_sub(MAX_TOLD) as u64 + self.omitted;
        all.extend(never.chain(types).chain(roles).chain(users).take(MAX_TOLD));
        if untold > 0 {
            let message = format!("at least {untold} more rules break neverallow rules and bounds");
            all.push(Diagnostic::error("violations-omitted", message));
        }
        all
    }

    /// How many violations are kept.
    fn found(&self) -> usize {
        self.never_allowed.len() + self.type_bounds.len() + self.role_bounds.len() + self.user_bounds.len()
    }
}

fn never_allowed(ir: &Ir, broken: &NeverAllowed) -> Diagnostic {
    let (source, target) = (type_name(ir, broken.source), type_name(ir, broken.target));
    let class = name(ir, ir.classes[broken.class.index()].name);
    let (code, access, reason) = match &broken.access {
        Access::Permissions(bits) => {
            ("neverallow-violated", permissions(ir, broken.class, *bits), "this neverallow forbids it")
        }
        Access::EveryNumber(kind) => {
            let access = format!("every {} number, as no allowx says which,", keyword(*kind));
            ("neverallowx-violated", access, "this neverallowx forbids some of them")
        }
        Access::Numbers(kind, numbers) => {
            let access = format!("{} {}", keyword(*kind), number_list(numbers));
            ("neverallowx-violated", access, "this neverallowx forbids it")
        }
    };
    let message =
        format!("{source} is allowed {access} on {target} ({class}){}", others(broken.pairs, "pair"));
    at_rule(ir, Diagnostic::error(code, message), broken.rule).note_origin(
        &ir.origins,
        broken.promise,
        reason,
    )
}

fn type_bounds(ir: &Ir, broken: &TypeBoundsExceeded) -> Diagnostic {
    let (child, parent) = (type_name(ir, broken.child), type_name(ir, broken.parent));
    let (target, class) = (type_name(ir, broken.target), name(ir, ir.classes[broken.class.index()].name));
    let access = permissions(ir, broken.class, broken.permissions);
    let more = others(broken.targets, "target");
    let message = format!(
        "{child} is allowed {access} on {target} ({class}){more}, and {parent}, which bounds it, is not"
    );
    at_rule(ir, Diagnostic::error("typebounds-exceeded", message), broken.rule).note_origin(
        &ir.origins,
        broken.promise,
        "the bounds",
    )
}

fn role_bounds(ir: &Ir, broken: &BoundsExceeded<RoleId>) -> Diagnostic {
    let role = |id: RoleId| name(ir, ir.roles[id.index()].name);
    let lacks = names(broken.lacks.iter().map(|place| name(ir, ir.types[place].name)));
    let (child, parent) = (role(broken.child), role(broken.parent));
    let message = format!("role {child} has types that {parent}, which bounds it, has not: {lacks}");
    Diagnostic::error("rolebounds-exceeded", message).at_origin(&ir.origins, broken.promise)
}

fn user_bounds(ir: &Ir, broken: &BoundsExceeded<UserId>) -> Diagnostic {
    let user = |id: UserId| name(ir, ir.users[id.index()].name);
    let lacks = names(broken.lacks.iter().map(|place| name(ir, ir.roles[place].name)));
    let (child, parent) = (user(broken.child), user(broken.parent));
    let message = format!("user {child} has roles that {parent}, which bounds it, has not: {lacks}");
    Diagnostic::error("userbounds-exceeded", message).at_origin(&ir.origins, broken.promise)
}

fn at_rule(ir: &Ir, diagnostic: Diagnostic, site: Site) -> Diagnostic {
    let diagnostic = diagnostic.at_origin(&ir.origins, site.origin);
    let Some((conditional, holds)) = site.conditional else { return diagnostic };
    let when = if holds { "if this holds" } else { "if this does not hold" };
    diagnostic.note_origin(&ir.origins, ir.conditionals[conditional as usize].origin, when)
}

fn name(ir: &Ir, symbol: Symbol) -> String {
    ir.names.text(symbol)
}

fn type_name(ir: &Ir, id: TypeId) -> String {
    name(ir, ir.types[id.index()].name)
}

/// The names of permissions.
fn permissions(ir: &Ir, class: ClassId, bits: u32) -> String {
    let class = &ir.classes[class.index()];
    let common = class.common.map_or(&[][..], |common| &ir.commons[common.index()].permissions);
    let all = common.iter().chain(&class.permissions).take(32).enumerate();
    let held = all.filter(|(place, _)| bits & (1 << place) != 0);
    names(held.map(|(_, permission)| name(ir, *permission)))
}

fn names(mut all: impl Iterator<Item = String>) -> String {
    let mut text = all.by_ref().take(MAX_NAMES).collect::<Vec<_>>().join(", ");
    let more = all.count();
    if more > 0 {
        text.push_str(&format_args!(" and {more} more").to_string());
    }
    text
}

fn others(count: u64, one: &str) -> String {
    match count {
        0 | 1 => String::new(),
        2 => format!(", and so is 1 other {one}"),
        many => format!(", and so are {} other {one}s", many - 1),
    }
}

fn keyword(kind: XKind) -> &'static str {
    match kind {
        XKind::Ioctl => "ioctl",
        XKind::Nlmsg => "nlmsg",
    }
}

fn number_list(ranges: &[(u16, u16)]) -> String {
    names(
        ranges
            .iter()
            .map(|(low, high)| if low == high { format!("{low:#x}") } else { format!("{low:#x}-{high:#x}") }),
    )
}
