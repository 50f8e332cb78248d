//! What a binary policy holds, in numbers.
//!
//! Things are counted as setools counts them, so that the numbers can be compared: a rule is an entry of the file and not a
//! statement of the source, rules within conditionals count too, and a default is a class with one.

use crate::policydb::avtab::{AvEntry, specified};
use crate::policydb::contexts::{Ocontexts, SelinuxContexts, XenContexts};
use crate::policydb::symbols::{Class, Constraint, ConstraintOp, TypeKind, operand};
use crate::policydb::{HandleUnknown, Policy, Target};

/// A policy in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The version of the binary format.
    pub version: u32,
    /// Who enforces the policy.
    pub target: Target,
    /// Whether contexts have levels.
    pub mls: bool,
    /// What happens to what the policy does not define.
    pub handle_unknown: HandleUnknown,
    /// How many there are of each kind of thing.
    pub counts: Vec<Count>,
}

/// How many there are of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The kind, in lower case with underscores: `type_trans`.
    pub name: &'static str,
    /// The kind as setools has it: `Type_trans`.
    pub label: &'static str,
    /// How many.
    pub count: usize,
}

/// Counts what a policy holds.
pub fn info(policy: &Policy) -> Info {
    let mut counts = symbols(policy);
    counts.extend(rules(policy));
    counts.extend(constraints(policy));
    counts.extend(others(policy));
    match &policy.ocontexts {
        Ocontexts::Selinux(contexts) => counts.extend(selinux_contexts(contexts)),
        Ocontexts::Xen(contexts) => counts.extend(xen_contexts(contexts)),
    }
    let paths = policy.genfs.iter().map(|of| of.paths.len()).sum();
    counts.push(count("genfscon", "Genfscon", paths));
    Info {
        version: policy.version,
        target: policy.target,
        mls: policy.mls,
        handle_unknown: policy.handle_unknown,
        counts,
    }
}

fn count(name: &'static str, label: &'static str, count: usize) -> Count {
    Count { name, label, count }
}

fn symbols(policy: &Policy) -> Vec<Count> {
    let of_commons = policy.commons.iter().map(|common| common.permissions.len());
    let of_classes = policy.classes.iter().map(|class| class.permissions.len());
    let types = policy.types.iter().filter(|it| it.kind == TypeKind::Type).count();
    let aliases = policy.types.iter().filter(|it| it.kind == TypeKind::Alias).count();
    let attributes = policy.types.iter().filter(|it| it.kind.is_attribute()).count();
    vec![
        count("classes", "Classes", policy.classes.len()),
        count("permissions", "Permissions", of_commons.chain(of_classes).sum()),
        count(
            "sensitivities",
            "Sensitivities",
            policy.sensitivities.iter().filter(|it| !it.is_alias).count(),
        ),
        count("categories", "Categories", policy.categories.iter().filter(|it| !it.is_alias).count()),
        count("types", "Types", types),
        count("type_aliases", "Type aliases", aliases),
        count("attributes", "Attributes", attributes),
        count("users", "Users", policy.users.len()),
        count("roles", "Roles", policy.roles.len()),
        count("booleans", "Booleans", policy.bools.len()),
        count("conditionals", "Cond. Expr.", policy.conditionals.len()),
    ]
}

fn rules(policy: &Policy) -> Vec<Count> {
    let branches = policy.conditionals.iter().flat_map(|it| it.then.iter().chain(&it.otherwise));
    let entries: Vec<&AvEntry> = policy.avtab.iter().chain(branches).collect();
    let of = |kind| entries.iter().filter(|entry| entry.kind() == kind).count();
    let named = policy.filename_transitions.iter().flat_map(|it| &it.results);
    let named: usize = named.map(|result| result.sources.iter().count()).sum();
    vec![
        count("allow", "Allow", of(specified::ALLOW)),
        count("auditallow", "Auditallow", of(specified::AUDITALLOW)),
        count("dontaudit", "Dontaudit", of(specified::DONTAUDIT)),
        count("allowxperm", "Allowxperm", of(specified::ALLOWX)),
        count("auditallowxperm", "Auditallowxperm", of(specified::AUDITALLOWX)),
        count("dontauditxperm", "Dontauditxperm", of(specified::DONTAUDITX)),
        count("type_trans", "Type_trans", of(specified::TYPE_TRANSITION) + named),
        count("type_change", "Type_change", of(specified::TYPE_CHANGE)),
        count("type_member", "Type_member", of(specified::TYPE_MEMBER)),
        count("range_trans", "Range_trans", policy.range_transitions.len()),
        count("role_allow", "Role allow", policy.role_allows.len()),
        count("role_trans", "Role_trans", policy.role_transitions.len()),
    ]
}

fn constraints(policy: &Policy) -> Vec<Count> {
    let of = |list: fn(&Class) -> &Vec<Constraint>, mls| {
        let all = policy.classes.iter().flat_map(list);
        all.filter(|constraint| has_levels(constraint) == mls).count()
    };
    let validate: fn(&Class) -> &Vec<Constraint> = |class| &class.validate_transitions;
    let constrain: fn(&Class) -> &Vec<Constraint> = |class| &class.constraints;
    vec![
        count("constrain", "Constraints", of(constrain, false)),
        count("validatetrans", "Validatetrans", of(validate, false)),
        count("mlsconstrain", "MLS Constrain", of(constrain, true)),
        count("mlsvalidatetrans", "MLS Val. Tran", of(validate, true)),
    ]
}

/// Whether levels are compared, which makes the difference between the two kinds of statements.
fn has_levels(constraint: &Constraint) -> bool {
    let levels =
        operand::L1L2 | operand::L1H2 | operand::H1L2 | operand::H1H2 | operand::L1H1 | operand::L2H2;
    constraint
        .expression
        .iter()
        .any(|step| matches!(step, ConstraintOp::Attribute { operand, .. } if operand & levels != 0))
}

fn others(policy: &Policy) -> Vec<Count> {
    let defaults = |class: &Class| {
        let all = [class.default_user, class.default_role, class.default_type, class.default_range];
        all.iter().filter(|default| **default != 0).count()
    };
    let is_bounded = |bounds: u32| bounds != 0;
    let bounds = policy.types.iter().filter(|it| it.kind == TypeKind::Type && is_bounded(it.bounds)).count();
    vec![
        count("permissives", "Permissives", policy.permissive.iter().count()),
        count("neveraudits", "Neveraudits", policy.neveraudit.iter().count()),
        count("policycaps", "Polcap", policy.policycaps.iter().count()),
        count("defaults", "Defaults", policy.classes.iter().map(defaults).sum()),
        count("typebounds", "Typebounds", bounds),
    ]
}

fn selinux_contexts(contexts: &SelinuxContexts) -> Vec<Count> {
    vec![
        count("initial_sids", "Initial SIDs", contexts.sids.len()),
        count("fs_use", "Fs_use", contexts.fs_uses.len()),
        count("portcon", "Portcon", contexts.ports.len()),
        count("netifcon", "Netifcon", contexts.interfaces.len()),
        count("nodecon", "Nodecon", contexts.nodes4.len() + contexts.nodes6.len()),
        count("ibpkeycon", "Ibpkeycon", contexts.ib_pkeys.len()),
        count("ibendportcon", "Ibendportcon", contexts.ib_end_ports.len()),
    ]
}

fn xen_contexts(contexts: &XenContexts) -> Vec<Count> {
    vec![
        count("initial_sids", "Initial SIDs", contexts.sids.len()),
        count("pirqcon", "Pirqcon", contexts.pirqs.len()),
        count("ioportcon", "Ioportcon", contexts.ioports.len()),
        count("iomemcon", "Iomemcon", contexts.iomems.len()),
        count("pcidevicecon", "Pcidevicecon", contexts.pci_devices.len()),
        count("devicetreecon", "Devicetreecon", contexts.device_trees.len()),
    ]
}
