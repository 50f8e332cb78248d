//! Which type attributes stay in the binary policy, and which are replaced by the types that they hold.
//!
//! An attribute stays if a rule or constraint uses it and nothing speaks for its replacement: `expandtypeattribute`, its
//! size, or that a tool made it up. Rules may name a kept attribute and still have it replaced, if it is small.

use super::faults::Faults;
use crate::ir::{
    AttributeSet, AvKind, CondRule, Constraint, ConstraintNames, ConstraintOp, Ir, Op, Target, TypeId,
    ValidateTransition,
};
use crate::names::Symbol;
use crate::options::Options;
use crate::sema::TypeSets;

/// What becomes of a type attribute. Types are kept and never expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// The attribute has a value and a name in the binary policy.
    pub(crate) is_kept: bool,
    /// Access vector rules name the types instead of it.
    pub(crate) is_expanded: bool,
}

/// How policies use attributes.
mod usage {
    pub(super) const RULE: u8 = 1;
    pub(super) const NEVERALLOW: u8 = 2;
    pub(super) const CONSTRAINT: u8 = 4;
    pub(super) const EXPAND: u8 = 8;
    pub(super) const KEEP: u8 = 16;
}

/// The attribute that holds what modules require, made by the converter of modules.
const GENERATED_REQUIRE: &[u8] = b"cil_gen_require";
/// What names of attributes have that the converter makes of sets of types.
const GENERATED_INFIX: &[u8] = b"_typeattr_";

/// Decides about each type and attribute.
pub(crate) fn fates(ir: &Ir, types: &TypeSets, options: &Options, faults: &mut Faults<'_>) -> Vec<Fate> {
    let usage = usages(ir, options, faults);
    let fate = |(index, declared): (usize, &crate::ir::TypeDecl)| {
        if !declared.is_attribute {
            return Fate { is_kept: true, is_expanded: false };
        }
        let id = TypeId(u32::try_from(index).expect("ids have 32 bits"));
        let is_small = types.members(id).count() < options.expand_size as usize;
        let is_kept = is_kept(usage[index], is_small, local_name(ir, declared.name, options), options);
        Fate { is_kept, is_expanded: !is_kept || is_small }
    };
    ir.types.iter().enumerate().map(fate).collect()
}

/// The rules in their order of precedence.
fn is_kept(used: u8, is_small: bool, name: &[u8], options: &Options) -> bool {
    if used == 0 {
        return false;
    }
    if used & usage::KEEP != 0 {
        return true;
    }
    if used & usage::EXPAND != 0 {
        return false;
    }
    if used & usage::CONSTRAINT != 0 {
        return true;
    }
    let is_generated = name == GENERATED_REQUIRE || is_of_set(name);
    if (options.expand_generated || used == usage::NEVERALLOW) && is_generated {
        return false;
    }
    used != usage::RULE || !is_small
}

fn usages(ir: &Ir, options: &Options, faults: &mut Faults<'_>) -> Vec<u8> {
    let mut used = vec![0_u8; ir.types.len()];
    mark_rules(ir, &mut used);
    for Constraint { expression, .. } in &ir.constraints {
        mark_constraint(expression, &mut used);
    }
    for ValidateTransition { expression, .. } in &ir.validate_transitions {
        mark_constraint(expression, &mut used);
    }
    for expand in &ir.expand_type_attributes {
        let flags = &mut used[expand.attribute.index()];
        *flags |= if expand.expand { usage::EXPAND } else { usage::KEEP };
        if *flags & (usage::EXPAND | usage::KEEP) == usage::EXPAND | usage::KEEP {
            *flags &= !usage::EXPAND;
            let name = ir.names.text(ir.types[expand.attribute.index()].name);
            let message = format!("type attribute {name} is both to be expanded and not to be; it is not");
            faults.warning("conflicting-expansion", expand.origin, message);
        }
    }
    mark_parts_of_generated(ir, options, &mut used);
    used
}

fn mark_rules(ir: &Ir, used: &mut [u8]) {
    // A rule on `self` names types in the end, so that it uses no attribute.
    let mut mark = |kind: AvKind, source: TypeId, target: Target| {
        if let Target::Type(target) = target {
            let flag = if kind == AvKind::NeverAllow { usage::NEVERALLOW } else { usage::RULE };
            used[source.index()] |= flag;
            used[target.index()] |= flag;
        }
    };
    ir.av_rules.iter().for_each(|rule| mark(rule.kind, rule.source, rule.target));
    ir.avx_rules.iter().for_each(|rule| mark(rule.kind, rule.source, rule.target));
    let conditional =
        ir.conditionals.iter().flat_map(|conditional| [&conditional.then, &conditional.otherwise]);
    for rule in conditional.flatten() {
        match rule {
            CondRule::Av(rule) => mark(rule.kind, rule.source, rule.target),
            CondRule::Avx(rule) => mark(rule.kind, rule.source, rule.target),
            CondRule::Type(_) | CondRule::Name(_) => {}
        }
    }
}

fn mark_constraint(expression: &[ConstraintOp], used: &mut [u8]) {
    for step in expression {
        if let ConstraintOp::Names(_, _, ConstraintNames::Types(types)) = step {
            types.iter().for_each(|id| used[id.index()] |= usage::CONSTRAINT);
        }
    }
}

/// A generated set that only a neverallow uses is replaced; the attributes that it is made of are then used by it instead.
fn mark_parts_of_generated(ir: &Ir, options: &Options, used: &mut [u8]) {
    let is_set = |id: TypeId| is_of_set(local_name(ir, ir.types[id.index()].name, options));
    let attributes = (0..).map(TypeId).take(ir.types.len()).filter(|id| ir.types[id.index()].is_attribute);
    let mut open: Vec<TypeId> =
        attributes.filter(|id| used[id.index()] & usage::NEVERALLOW != 0 && is_set(*id)).collect();
    if open.is_empty() {
        return;
    }
    let mut sets: Vec<Vec<&AttributeSet<TypeId>>> = vec![Vec::new(); ir.types.len()];
    for set in &ir.type_attribute_sets {
        sets[set.attribute.index()].push(set);
    }
    let mut is_seen = vec![false; ir.types.len()];
    while let Some(attribute) = open.pop() {
        for step in sets[attribute.index()].iter().flat_map(|set| &set.set) {
            let Op::Operand(part) = *step else { continue };
            if std::mem::replace(&mut is_seen[part.index()], true) || !ir.types[part.index()].is_attribute {
                continue;
            }
            if is_set(part) {
                open.push(part);
            } else {
                used[part.index()] |= usage::NEVERALLOW;
            }
        }
    }
}

fn is_of_set(name: &[u8]) -> bool {
    name.windows(GENERATED_INFIX.len()).any(|part| part == GENERATED_INFIX)
}

/// A name without the blocks that it is declared in.
fn local_name<'a>(ir: &'a Ir, name: Symbol, options: &Options) -> &'a [u8] {
    let name = ir.names.get(name);
    match name.iter().rposition(|byte| *byte == b'.') {
        Some(dot) if !options.qualified_names => &name[dot + 1..],
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(used: u8, is_small: bool, name: &str, expand_generated: bool) -> bool {
        is_kept(used, is_small, name.as_bytes(), &Options { expand_generated, ..Options::default() })
    }

    #[test]
    fn statements_go_before_constraints_and_those_before_size_and_name() {
        use usage::{CONSTRAINT, EXPAND, KEEP, NEVERALLOW, RULE};
        assert!(!kept(0, false, "a", false));
        assert!(kept(KEEP | RULE, true, "cil_gen_require", true));
        assert!(!kept(EXPAND | CONSTRAINT | RULE, false, "a", false));
        assert!(kept(CONSTRAINT, true, "x_typeattr_1", true));
        assert!(kept(RULE, false, "x_typeattr_1", false) && !kept(RULE, false, "x_typeattr_1", true));
        assert!(kept(RULE, false, "a", true) && !kept(RULE, true, "a", false));
        assert!(kept(NEVERALLOW, true, "a", false) && !kept(NEVERALLOW, false, "x_typeattr_1", false));
        assert!(
            kept(NEVERALLOW | RULE, true, "a", false) && kept(NEVERALLOW | RULE, true, "x_typeattr_1", false)
        );
    }
}
