//! Constraints of classes. The last of a class is its first.

use super::access::Access;
use super::faults::Faults;
use super::tables::Tables;
use crate::ir::{self, Compared, ConstraintNames, ConstraintOperator, TypeId};
use crate::policydb::Bitmap;
use crate::policydb::symbols::{Class, Constraint, ConstraintOp, TypeSet, operand, relation};

/// How many values the kernel keeps while it works out a constraint (`CEXPR_MAXDEPTH`).
const MAX_DEPTH: usize = 5;

/// Adds the constraints to their classes.
pub(crate) fn add(tables: &Tables<'_>, classes: &mut [Class], faults: &mut Faults<'_>) {
    let mut accesses: Vec<Access> = Vec::new();
    for constraint in tables.ir.constraints.iter().filter(|constraint| tables.mls || !constraint.is_mls) {
        accesses.clear();
        tables.accesses.add_to(&constraint.access, &mut accesses);
        accesses.retain(|(_, permissions)| *permissions != 0);
        if accesses.is_empty() {
            continue;
        }
        let Some(expression) = expression(tables, &constraint.expression, constraint.origin, faults) else {
            continue;
        };
        for (class, permissions) in &accesses {
            let constraint = Constraint { permissions: *permissions, expression: expression.clone() };
            classes[class.index()].constraints.push(constraint);
        }
    }
    let validate = tables.ir.validate_transitions.iter();
    for constraint in validate.filter(|constraint| tables.mls || !constraint.is_mls) {
        let Some(expression) = expression(tables, &constraint.expression, constraint.origin, faults) else {
            continue;
        };
        for class in tables.accesses.classes(constraint.class) {
            let constraint = Constraint { permissions: 0, expression: expression.clone() };
            classes[class.index()].validate_transitions.push(constraint);
        }
    }
    for class in classes {
        class.constraints.reverse();
        class.validate_transitions.reverse();
    }
}

fn expression(
    tables: &Tables<'_>,
    expression: &[ir::ConstraintOp],
    origin: ir::OriginId,
    faults: &mut Faults<'_>,
) -> Option<Vec<ConstraintOp>> {
    if let Err(reason) = check_depth(expression) {
        faults.error("constraint", origin, reason.to_owned());
        return None;
    }
    let steps: Option<Vec<ConstraintOp>> = expression.iter().map(|step| convert(tables, step)).collect();
    if steps.is_none() {
        let message = "a constraint compares what cannot be compared".to_owned();
        faults.error("constraint", origin, message);
    }
    steps
}

fn check_depth(expression: &[ir::ConstraintOp]) -> Result<(), &'static str> {
    let mut depth = 0_usize;
    for step in expression {
        match step {
            ir::ConstraintOp::Not if depth >= 1 => {}
            ir::ConstraintOp::And | ir::ConstraintOp::Or if depth >= 2 => depth -= 1,
            ir::ConstraintOp::Not | ir::ConstraintOp::And | ir::ConstraintOp::Or => {
                return Err("a constraint without meaning");
            }
            _ if depth == MAX_DEPTH => {
                return Err("the constraint keeps more than 5 values, which is what the kernel has room for");
            }
            _ => depth += 1,
        }
    }
    if depth == 1 { Ok(()) } else { Err("a constraint without meaning") }
}

fn convert(tables: &Tables<'_>, step: &ir::ConstraintOp) -> Option<ConstraintOp> {
    Some(match step {
        ir::ConstraintOp::Not => ConstraintOp::Not,
        ir::ConstraintOp::And => ConstraintOp::And,
        ir::ConstraintOp::Or => ConstraintOp::Or,
        ir::ConstraintOp::Compare(left, operator, right) => {
            ConstraintOp::Attribute { operand: both(*left, *right)?, relation: relation(*operator) }
        }
        ir::ConstraintOp::Names(left, operator, names) => {
            let (operand, relation) = (one(*left)?, relation(*operator));
            let (names, type_names) = named(tables, names);
            ConstraintOp::Names { operand, relation, names, type_names }
        }
    })
}

/// The operand of a comparison of two components. Of users, roles and types only the left is told: the other is the same
/// component of the target.
fn both(left: Compared, right: Compared) -> Option<u32> {
    Some(match (left, right) {
        (Compared::L1, Compared::L2) => operand::L1L2,
        (Compared::L1, Compared::H1) => operand::L1H1,
        (Compared::L1, Compared::H2) => operand::L1H2,
        (Compared::L2, Compared::H2) => operand::L2H2,
        (Compared::H1, Compared::L2) => operand::H1L2,
        (Compared::H1, Compared::H2) => operand::H1H2,
        (left, _) => one(left)?,
    })
}

fn one(component: Compared) -> Option<u32> {
    Some(match component {
        Compared::U1 => operand::USER,
        Compared::U2 => operand::USER | operand::TARGET,
        Compared::U3 => operand::USER | operand::XTARGET,
        Compared::R1 => operand::ROLE,
        Compared::R2 => operand::ROLE | operand::TARGET,
        Compared::R3 => operand::ROLE | operand::XTARGET,
        Compared::T1 => operand::TYPE,
        Compared::T2 => operand::TYPE | operand::TARGET,
        Compared::T3 => operand::TYPE | operand::XTARGET,
        Compared::L1 | Compared::L2 | Compared::H1 | Compared::H2 => return None,
    })
}

fn relation(operator: ConstraintOperator) -> u32 {
    match operator {
        ConstraintOperator::Eq => relation::EQ,
        ConstraintOperator::Neq => relation::NEQ,
        ConstraintOperator::Dom => relation::DOM,
        ConstraintOperator::DomBy => relation::DOMBY,
        ConstraintOperator::Incomp => relation::INCOMP,
    }
}

/// The values that names stand for, and types as they are written.
fn named(tables: &Tables<'_>, names: &ConstraintNames) -> (Bitmap, TypeSet) {
    let bits = |values: Vec<u32>| values.into_iter().map(|value| value - 1).collect();
    match names {
        ConstraintNames::Users(users) => {
            let values = users.iter().flat_map(|user| tables.user_members(*user)).collect();
            (bits(values), TypeSet::default())
        }
        ConstraintNames::Roles(roles) => {
            let values = roles.iter().flat_map(|role| tables.role_members(*role)).collect();
            (bits(values), TypeSet::default())
        }
        ConstraintNames::Types(types) => {
            let value = |id: &TypeId| tables.type_value(*id);
            let written = types.iter().map(value).filter(|value| *value != 0).collect();
            let values = types.iter().flat_map(|id| tables.type_members(*id)).map(u32::from).collect();
            (bits(values), TypeSet { types: bits(written), ..TypeSet::default() })
        }
    }
}
