//! Statements that label something: in their order, and each thing once.

use std::cmp::Ordering;

use super::faults::Faults;
use super::tables::Tables;
use crate::ir::{ContextId, OriginId};
use crate::policydb::Compat;

/// Sorts statements and leaves one of those about the same thing.
///
/// Two of them are in conflict unless declarations may be repeated (`-m`) and they give the same context, in which case the
/// last one stays. Releases before 3.6 take conflicts silently, and the first one stays.
pub(crate) fn sorted<'a, T>(
    tables: &Tables<'_>,
    statements: &'a [T],
    order: impl Fn(&T, &T) -> Ordering,
    describe: impl Fn(&T) -> (String, [Option<ContextId>; 2], OriginId),
    faults: &mut Faults<'_>,
) -> Vec<&'a T> {
    let mut sorted: Vec<&T> = statements.iter().collect();
    sorted.sort_by(|a, b| order(a, b));
    let mut kept: Vec<&T> = Vec::with_capacity(sorted.len());
    let mut in_conflict = false;
    for statement in sorted {
        let Some(last) = kept.last_mut().filter(|last| order(last, statement) == Ordering::Equal) else {
            kept.push(statement);
            in_conflict = false;
            continue;
        };
        let (_, theirs, first) = describe(last);
        let (what, ours, origin) = describe(statement);
        let is_same = same(tables, theirs, ours);
        if !tables.options.multiple_declarations || !is_same {
            in_conflict = true;
            refuse(tables, (origin, what), first, is_same, faults);
        } else if !in_conflict {
            *last = statement;
        }
    }
    kept
}

fn refuse(
    tables: &Tables<'_>,
    (origin, what): (OriginId, String),
    first: OriginId,
    is_same: bool,
    faults: &mut Faults<'_>,
) {
    let note = (first, "the first is here");
    if tables.options.compat == Compat::V3_4 {
        let message = format!("a second context for {what} is ignored");
        faults.doubt("conflicting-contexts", (origin, message), note);
    } else {
        let message = if is_same {
            format!("the context of {what} is given twice, which takes --multiple-decls")
        } else {
            format!("a second context for {what}")
        };
        faults.conflict("conflicting-contexts", (origin, message), note);
    }
}

/// Whether contexts are the same to those who look for conflicts: they do not look at categories.
fn same(tables: &Tables<'_>, a: [Option<ContextId>; 2], b: [Option<ContextId>; 2]) -> bool {
    let ir = tables.ir;
    let sensitivities = |context: &crate::ir::Context| {
        let range = &ir.ranges[context.range.index()];
        [range.low, range.high].map(|level| ir.levels[level.index()].sensitivity)
    };
    a.into_iter().zip(b).all(|pair| match pair {
        (Some(a), Some(b)) => {
            let (a, b) = (&ir.contexts[a.index()], &ir.contexts[b.index()]);
            (a.user, a.role, a.type_) == (b.user, b.role, b.type_) && sensitivities(a) == sensitivities(b)
        }
        (a, b) => a == b,
    })
}
