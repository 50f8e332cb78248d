//! Lays a resolved policy out as the tables of the binary format, and as `file_contexts`.
//!
//! The order in which entries come about is part of the result: rules of one key but different kinds lie in the order in
//! which they first appear, several lists lie in reverse. What the format orders by hash is left to
//! [`Policy::arrange`](crate::policydb::Policy::arrange).

mod access;
mod budget;
mod conditionals;
mod constraints;
mod contexts;
mod deny;
mod faults;
mod file_contexts;
mod keep;
mod levels;
mod memberships;
mod rules;
mod sort;
mod symbols;
mod tables;
mod transitions;
mod verify;
mod xperms;

use crate::diagnostic::Diagnostic;
use crate::ir::Ir;
use crate::options::Options;
use crate::policydb::Policy;
pub(crate) use deny::apply as apply_denials;
pub(crate) use faults::Faults;
pub(crate) use tables::Tables;

/// A policy laid out.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// The binary policy. Its symbols and rules are in the order in which they came about.
    pub policy: Policy,
    /// The text that tells programs which context files have.
    pub file_contexts: Vec<u8>,
    /// What is doubtful.
    pub warnings: Vec<Diagnostic>,
}

/// Lays a policy out. Neverallow rules and bounds are not checked.
///
/// # Errors
///
/// All that is wrong with the policy: contradictory rules, contexts that cannot be, values beyond what the format holds.
pub fn emit(ir: &Ir, options: &Options) -> Result<Emitted, Vec<Diagnostic>> {
    let mut faults = Faults::new(ir);
    let denied = deny::apply(ir, options, &mut faults);
    let Some(tables) = Tables::new(ir, denied.as_ref(), options, &mut faults) else {
        return Err(faults.into_diagnostics());
    };
    let (policy, file_contexts, more) = lay_out(&tables);
    faults.append(more);
    if faults.has_errors() {
        return Err(faults.into_diagnostics());
    }
    Ok(Emitted { policy, file_contexts, warnings: faults.into_diagnostics() })
}

/// The same from tables that are worked out. The policy is of no use if there are errors among the faults.
pub(crate) fn lay_out<'a>(tables: &Tables<'a>) -> (Policy, Vec<u8>, Faults<'a>) {
    let mut faults = Faults::new(tables.ir);
    verify::verify(tables, &mut faults);
    let policy = policy(tables, &mut faults);
    let file_contexts = file_contexts::text(tables, &mut faults);
    (policy, file_contexts, faults)
}

fn policy(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Policy {
    let mut avtab = rules::Avtab::default();
    transitions::type_rules(tables, &mut avtab, faults);
    let conditionals = conditionals::conditionals(tables, &avtab, faults);
    rules::access_vectors(tables, &mut avtab);
    let mut entries = avtab.into_entries();
    xperms::rules(tables, &mut entries, faults);
    Policy {
        version: tables.options.version,
        target: tables.options.target,
        mls: tables.mls,
        handle_unknown: tables.handle_unknown(),
        policycaps: symbols::policycaps(tables, faults),
        permissive: symbols::permissive(tables),
        neveraudit: symbols::neveraudit(tables),
        commons: symbols::commons(tables),
        classes: symbols::classes(tables, faults),
        roles: symbols::roles(tables),
        types: symbols::types(tables),
        users: symbols::users(tables),
        bools: symbols::bools(tables),
        sensitivities: symbols::sensitivities(tables),
        categories: symbols::categories(tables),
        reserved_roles: 0,
        avtab: entries,
        conditionals,
        role_transitions: transitions::role_transitions(tables, faults),
        role_allows: transitions::role_allows(tables),
        filename_transitions: transitions::filename_transitions(tables, faults),
        ocontexts: contexts::ocontexts(tables, faults),
        genfs: contexts::genfs(tables, faults),
        range_transitions: transitions::range_transitions(tables, faults),
        type_attribute_map: symbols::type_attribute_map(tables),
    }
}
