//! Expressions in postfix order: the conditions of constraints and of conditionals.

use super::cursor::{Cursor, Result};
use crate::policydb::avtab::CondOp;
use crate::policydb::format::{TYPE_SET_FLAGS, constraint, version};
use crate::policydb::symbols::{Constraint, ConstraintOp, TypeSet, operand, relation};
use crate::policydb::{Bitmap, PolicyError, Problem};

/// `COND_EXPR_MAXDEPTH`: how many results may wait for an operator; the kernel's stack has no more places.
const MAX_CONDITION_DEPTH: usize = 10;

/// So many constraints; those on transitions may also ask about the process that relabels.
pub(super) fn constraints(cursor: &mut Cursor, count: u32, of_transitions: bool) -> Result<Vec<Constraint>> {
    cursor.enter("constraint");
    let count = cursor.check_count(count, 8)?;
    let constraint = |cursor: &mut Cursor| {
        let permissions = cursor.u32()?;
        let start = cursor.offset();
        let expression = cursor.list(12, |cursor| constraint_step(cursor, of_transitions))?;
        let operands = expression.iter().map(|step| match step {
            ConstraintOp::Not => 1,
            ConstraintOp::And | ConstraintOp::Or => 2,
            ConstraintOp::Attribute { .. } | ConstraintOp::Names { .. } => 0,
        });
        check_depth(operands, constraint::MAX_DEPTH).map_err(|problem| cursor.error_at(start, problem))?;
        Ok(Constraint { permissions, expression })
    };
    (0..count).map(|_| constraint(cursor)).collect()
}

/// The condition of a conditional.
pub(super) fn condition(cursor: &mut Cursor) -> Result<Vec<CondOp>> {
    let start = cursor.offset();
    let highest = cursor.highest.bools;
    let steps = cursor.list(8, |cursor| {
        let [code, value] = cursor.u32s()?;
        let step = CondOp::from_codes(code, value);
        let step = step.ok_or_else(|| cursor.code("step of a condition", code.into()))?;
        if let CondOp::Bool(value) = step {
            cursor.check_value("boolean", value, highest)?;
        }
        Ok(step)
    })?;
    let operands = steps.iter().map(|step| match step {
        CondOp::Bool(_) => 0,
        CondOp::Not => 1,
        _ => 2,
    });
    check_depth(operands, MAX_CONDITION_DEPTH).map_err(|problem| cursor.error_at(start, problem))?;
    Ok(steps)
}

/// Whether steps that take so many results each, and leave one, leave one at last and never more than there is room for.
fn check_depth(operands: impl Iterator<Item = usize>, most: usize) -> std::result::Result<(), Problem> {
    let mut depth = 0_usize;
    for taken in operands {
        let rest = depth.checked_sub(taken);
        depth = rest.ok_or(Problem::Expression("has an operator without enough operands"))? + 1;
        if depth > most {
            return Err(Problem::Expression("is nested more deeply than the kernel's stack allows"));
        }
    }
    if depth == 1 { Ok(()) } else { Err(Problem::Expression("does not come to one result")) }
}

fn constraint_step(cursor: &mut Cursor, of_transitions: bool) -> Result<ConstraintOp> {
    let [code, operand, relation] = cursor.u32s()?;
    match (code, operand, relation) {
        (constraint::NOT, 0, 0) => Ok(ConstraintOp::Not),
        (constraint::AND, 0, 0) => Ok(ConstraintOp::And),
        (constraint::OR, 0, 0) => Ok(ConstraintOp::Or),
        (constraint::ATTR, _, relation::EQ..=relation::INCOMP) if is_operand(operand) => {
            Ok(ConstraintOp::Attribute { operand, relation })
        }
        (constraint::NAMES, _, relation::EQ..=relation::NEQ) => {
            let kind = named_kind(operand, of_transitions);
            let kind = kind.ok_or_else(|| cursor.code("operand of a constraint", operand.into()))?;
            names(cursor, operand, relation, kind)
        }
        _ => Err(wrong_step(cursor, code)),
    }
}

fn wrong_step(cursor: &Cursor, code: u32) -> PolicyError {
    cursor.code("step of a constraint", code.into())
}

fn is_operand(operand: u32) -> bool {
    use operand::{H1H2, H1L2, L1H1, L1H2, L1L2, L2H2, ROLE, TYPE, USER};
    [USER, ROLE, TYPE, L1L2, L1H2, H1L2, H1H2, L1H1, L2H2].contains(&operand)
}

/// What is compared with names, without whose it is.
fn named_kind(operand: u32, of_transitions: bool) -> Option<u32> {
    let whose = operand & (operand::TARGET | operand::XTARGET);
    let is_known = match whose {
        0 | operand::TARGET => true,
        operand::XTARGET => of_transitions,
        _ => false,
    };
    let kind = operand & !whose;
    (is_known && [operand::USER, operand::ROLE, operand::TYPE].contains(&kind)).then_some(kind)
}

fn names(cursor: &mut Cursor, operand: u32, relation: u32, kind: u32) -> Result<ConstraintOp> {
    let names = match kind {
        operand::USER => cursor.values("user", cursor.highest.users)?,
        operand::ROLE => cursor.values("role", cursor.highest.roles)?,
        _ => cursor.values("type", cursor.highest.types)?,
    };
    let mut type_names = TypeSet::default();
    if cursor.version >= version::CONSTRAINT_NAMES {
        type_names.types = type_set(cursor)?;
        type_names.except = type_set(cursor)?;
        type_names.flags = cursor.u32()?;
        if type_names.flags & !TYPE_SET_FLAGS != 0 {
            return Err(cursor.code("mark of a set of types", type_names.flags.into()));
        }
    }
    Ok(ConstraintOp::Names { operand, relation, names, type_names })
}

fn type_set(cursor: &mut Cursor) -> Result<Bitmap> {
    cursor.values("type", cursor.highest.types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_comes_to_one_result_within_the_stack() {
        let depth = |operands: &[usize]| check_depth(operands.iter().copied(), 3);
        assert_eq!(depth(&[0, 0, 0, 2, 2]), Ok(()));
        assert_eq!(depth(&[0, 1, 1]), Ok(()));
        assert!(depth(&[]).is_err() && depth(&[0, 0]).is_err());
        assert!(depth(&[2]).is_err() && depth(&[0, 2]).is_err() && depth(&[1]).is_err());
        assert!(depth(&[0, 0, 0, 0, 2, 2, 2]).is_err());
    }

    #[test]
    fn only_transitions_ask_about_a_third_context() {
        assert_eq!(named_kind(operand::TYPE | operand::TARGET, false), Some(operand::TYPE));
        assert_eq!(named_kind(operand::TYPE | operand::XTARGET, true), Some(operand::TYPE));
        assert_eq!(named_kind(operand::TYPE | operand::XTARGET, false), None);
        assert_eq!(named_kind(operand::TYPE | operand::TARGET | operand::XTARGET, true), None);
        assert_eq!(named_kind(operand::USER | operand::TYPE, true), None);
    }
}
