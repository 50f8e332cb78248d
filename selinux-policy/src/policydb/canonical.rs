//! Numbers and orders that follow from names (`--canonical`).
//!
//! A compiler numbers types, roles, users and booleans as it meets them, so that a file that is moved, or a declaration
//! that is added at the top, changes the numbers of all that come behind and with them nearly every byte. Numbered by their
//! names, the same policy has the same bytes wherever its statements stand. Classes, permissions, sensitivities,
//! categories and initial SIDs keep their numbers: statements of the language decide them.

use std::cmp::Ordering;

use super::avtab::{AvEntry, CondOp, Datum, XpermsKind, specified};
use super::contexts::{Context, Ocontexts};
use super::format::OBJECT_R;
use super::symbols::{Constraint, ConstraintOp, TypeSet, operand};
use super::{Bitmap, Policy};

impl Policy {
    /// Numbers types, roles, users and booleans by their names, and sorts what has no order that means something.
    ///
    /// What the format orders by hash is in no order afterwards: [`Policy::arrange`] comes next. The policy must be one that
    /// [`read`](super::read) accepts: values begin at 1 and have no gaps but those of attributes that were left out.
    pub fn canonicalize(&mut self) {
        let numbers = Numbers::of(self);
        self.renumber_symbols(&numbers);
        self.renumber_rules(&numbers);
        self.renumber_contexts(&numbers);
        self.sort_rules();
    }

    fn renumber_symbols(&mut self, numbers: &Numbers) {
        for it in &mut self.types {
            (it.value, it.bounds) = (numbers.types.of(it.value), numbers.types.of(it.bounds));
        }
        for it in &mut self.roles {
            (it.value, it.bounds) = (numbers.roles.of(it.value), numbers.roles.of(it.bounds));
            (it.dominates, it.types) = (numbers.roles.all(&it.dominates), numbers.types.all(&it.types));
        }
        for it in &mut self.users {
            (it.value, it.bounds) = (numbers.users.of(it.value), numbers.users.of(it.bounds));
            it.roles = numbers.roles.all(&it.roles);
        }
        self.bools.iter_mut().for_each(|it| it.value = numbers.bools.of(it.value));
        for class in &mut self.classes {
            let constraints = class.constraints.iter_mut().chain(&mut class.validate_transitions);
            constraints.for_each(|it| numbers.constraint(it));
        }
        let map = |bits: &Bitmap| bits.iter().map(|value| numbers.types.of(value)).collect();
        (self.permissive, self.neveraudit) = (map(&self.permissive), map(&self.neveraudit));
        let mut attributes = vec![Bitmap::new(); self.type_attribute_map.len()];
        for (value, old) in (1..).zip(&self.type_attribute_map) {
            if let Some(new) = attributes.get_mut(numbers.types.of(value) as usize - 1) {
                *new = numbers.types.all(old);
            }
        }
        self.type_attribute_map = attributes;
    }

    fn renumber_rules(&mut self, numbers: &Numbers) {
        self.avtab.iter_mut().for_each(|it| numbers.rule(it));
        for conditional in &mut self.conditionals {
            for step in &mut conditional.expression {
                if let CondOp::Bool(value) = step {
                    *value = numbers.bools.of(*value);
                }
            }
            let rules = conditional.then.iter_mut().chain(&mut conditional.otherwise);
            rules.for_each(|it| numbers.rule(it));
        }
        for it in &mut self.role_transitions {
            (it.role, it.result) = (numbers.roles.of(it.role), numbers.roles.of(it.result));
            it.target_type = numbers.types.of(it.target_type);
        }
        for (from, to) in &mut self.role_allows {
            (*from, *to) = (numbers.roles.of(*from), numbers.roles.of(*to));
        }
        for it in &mut self.filename_transitions {
            it.target_type = numbers.types.of(it.target_type);
            for to in &mut it.results {
                (to.sources, to.result) = (numbers.types.all(&to.sources), numbers.types.of(to.result));
            }
        }
        for it in &mut self.range_transitions {
            it.source_type = numbers.types.of(it.source_type);
            it.target_type = numbers.types.of(it.target_type);
        }
    }

    fn renumber_contexts(&mut self, numbers: &Numbers) {
        let change = |context: &mut Context| {
            context.user = numbers.users.of(context.user);
            context.role = numbers.roles.of(context.role);
            context.type_ = numbers.types.of(context.type_);
        };
        self.genfs.iter_mut().flat_map(|it| &mut it.paths).for_each(|it| change(&mut it.context));
        match &mut self.ocontexts {
            Ocontexts::Selinux(all) => {
                all.sids.iter_mut().for_each(|(_, context)| change(context));
                for it in all.filesystems.iter_mut().chain(&mut all.interfaces) {
                    change(&mut it.first);
                    change(&mut it.second);
                }
                all.ports.iter_mut().for_each(|it| change(&mut it.context));
                all.nodes4.iter_mut().for_each(|it| change(&mut it.context));
                all.fs_uses.iter_mut().for_each(|it| change(&mut it.context));
                all.nodes6.iter_mut().for_each(|it| change(&mut it.context));
                all.ib_pkeys.iter_mut().for_each(|it| change(&mut it.context));
                all.ib_end_ports.iter_mut().for_each(|it| change(&mut it.context));
            }
            Ocontexts::Xen(all) => {
                all.sids.iter_mut().for_each(|(_, context)| change(context));
                all.pirqs.iter_mut().for_each(|(_, context)| change(context));
                all.ioports.iter_mut().for_each(|(_, _, context)| change(context));
                all.iomems.iter_mut().for_each(|(_, _, context)| change(context));
                all.pci_devices.iter_mut().for_each(|(_, context)| change(context));
                all.device_trees.iter_mut().for_each(|(_, context)| change(context));
            }
        }
    }

    /// Sorts what the kernel reads as a set. Contexts are not among it: of several that match, the first counts.
    fn sort_rules(&mut self) {
        self.avtab.sort_by(rule_order);
        for conditional in &mut self.conditionals {
            conditional.then.sort_by(rule_order);
            conditional.otherwise.sort_by(rule_order);
        }
        self.conditionals.sort_by(|a, b| a.expression.cmp(&b.expression));
        self.role_allows.sort_unstable();
        self.role_transitions.sort_unstable_by_key(|it| (it.role, it.target_type, it.class));
        self.filename_transitions.iter_mut().for_each(|it| it.results.sort_unstable_by_key(|to| to.result));
        for class in &mut self.classes {
            class.constraints.sort_by(constraint_order);
            class.validate_transitions.sort_by(constraint_order);
        }
    }
}

/// The new numbers of a policy.
struct Numbers {
    types: Values,
    roles: Values,
    users: Values,
    bools: Values,
}

impl Numbers {
    fn of(policy: &Policy) -> Self {
        // An alias has the value of its type, whose own name is what counts. Attributes come behind types, where
        // secilc has them too.
        let types = policy.types.iter().filter(|it| it.kind != super::symbols::TypeKind::Alias);
        let roles = policy.roles.iter().map(|it| ((it.value != OBJECT_R, &it.name), it.value));
        Self {
            types: Values::by_order(types.map(|it| ((it.kind.is_attribute(), &it.name), it.value))),
            // The kernel knows this role by its number.
            roles: Values::by_order(roles),
            users: Values::by_order(policy.users.iter().map(|it| (&it.name, it.value))),
            bools: Values::by_order(policy.bools.iter().map(|it| (&it.name, it.value))),
        }
    }

    fn rule(&self, rule: &mut AvEntry) {
        (rule.source, rule.target) = (self.types.narrow(rule.source), self.types.narrow(rule.target));
        if let Datum::Type(value) = &mut rule.datum {
            *value = self.types.of(*value);
        }
    }

    fn constraint(&self, constraint: &mut Constraint) {
        for step in &mut constraint.expression {
            if let ConstraintOp::Names { operand, names, type_names, .. } = step {
                let values = match *operand & (operand::USER | operand::ROLE | operand::TYPE) {
                    operand::USER => &self.users,
                    operand::ROLE => &self.roles,
                    _ => &self.types,
                };
                *names = values.all(names);
                let TypeSet { types, except, .. } = type_names;
                (*types, *except) = (self.types.all(types), self.types.all(except));
            }
        }
    }
}

/// The new values of one kind of symbol, by the old ones less 1.
struct Values(Vec<u32>);

impl Values {
    /// Gives the values that there are anew, in the order of keys.
    fn by_order<K: Ord>(symbols: impl Iterator<Item = (K, u32)>) -> Self {
        let mut symbols: Vec<(K, u32)> = symbols.collect();
        symbols.sort_unstable();
        let mut values: Vec<u32> = symbols.iter().map(|(_, value)| *value).collect();
        values.sort_unstable();
        // A value that no symbol has stays as it is.
        let mut new: Vec<u32> = (1..=values.last().copied().unwrap_or(0)).collect();
        for ((_, old), value) in symbols.iter().zip(values) {
            if let Some(place) = old.checked_sub(1) {
                new[place as usize] = value;
            }
        }
        Self(new)
    }

    /// The new value; 0, which stands for none, stays.
    fn of(&self, old: u32) -> u32 {
        old.checked_sub(1).and_then(|place| self.0.get(place as usize)).copied().unwrap_or(old)
    }

    fn narrow(&self, old: u16) -> u16 {
        u16::try_from(self.of(u32::from(old))).unwrap_or(old)
    }

    fn all(&self, old: &Bitmap) -> Bitmap {
        let mut values: Vec<u32> = old.values().map(|value| self.of(value)).collect();
        values.sort_unstable();
        values.into_iter().map(|value| value - 1).collect()
    }
}

fn rule_order(a: &AvEntry, b: &AvEntry) -> Ordering {
    fn key(rule: &AvEntry) -> (u16, u16, u16, u16, Option<(XpermsKind, u8)>) {
        let extended = match &rule.datum {
            Datum::Xperms(it) => Some((it.kind, it.driver)),
            Datum::Perms(_) | Datum::Type(_) => None,
        };
        (rule.source, rule.target, rule.class, rule.specified & !specified::ENABLED, extended)
    }
    key(a).cmp(&key(b))
}

fn constraint_order(a: &Constraint, b: &Constraint) -> Ordering {
    let by_steps = || a.expression.iter().map(step_key).cmp(b.expression.iter().map(step_key));
    a.permissions.cmp(&b.permissions).then_with(by_steps)
}

/// A step as something that has an order, whichever.
fn step_key(step: &ConstraintOp) -> (u8, u32, u32, Option<(&Bitmap, &Bitmap)>) {
    match step {
        ConstraintOp::Not => (0, 0, 0, None),
        ConstraintOp::And => (1, 0, 0, None),
        ConstraintOp::Or => (2, 0, 0, None),
        ConstraintOp::Attribute { operand, relation } => (3, *operand, *relation, None),
        ConstraintOp::Names { operand, relation, names, type_names } => {
            (4, *operand, *relation, Some((names, &type_names.types)))
        }
    }
}
