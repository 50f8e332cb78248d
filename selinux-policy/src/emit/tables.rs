//! What all parts of the layout look up: values, what attributes hold, class permissions, levels.

use super::access::Accesses;
use super::deny::Denied;
use super::faults::Faults;
use super::keep::{self, Fate};
use super::levels::Levels;
use super::memberships::{RoleTypes, UserRoles};
use crate::ir::{HandleUnknown, Ir, OriginId, RoleId, Target, TypeId, UserId};
use crate::options::Options;
use crate::policydb;
use crate::sema::{AttributeSets, Members, RoleSets, SetError, TypeSets, UserSets};

/// The role of objects, which has the first value whether or not it is declared.
pub(crate) const OBJECT_ROLE: &[u8] = b"object_r";

/// What all parts look up.
pub(crate) struct Tables<'a> {
    pub(crate) ir: &'a Ir,
    pub(crate) options: &'a Options,
    pub(crate) mls: bool,
    pub(crate) types: TypeSets,
    pub(crate) roles: RoleSets,
    pub(crate) users: UserSets,
    pub(crate) fates: Vec<Fate>,
    pub(crate) accesses: Accesses,
    pub(crate) levels: Levels,
    /// By [`RoleId`]: the types of roles.
    pub(crate) role_types: RoleTypes,
    /// By [`UserId`]: the roles of users.
    pub(crate) user_roles: UserRoles,
    /// By [`TypeId`]; 0 for attributes that are not kept.
    type_values: Vec<u16>,
    /// By [`RoleId`]; 0 for attributes.
    role_values: Vec<u32>,
    /// By [`UserId`]; 0 for attributes.
    user_values: Vec<u32>,
}

impl<'a> Tables<'a> {
    /// Works them out; `None` if that cannot be, with the reason among the faults.
    pub(crate) fn new(
        ir: &'a Ir,
        denied: Option<&'a Denied>,
        options: &'a Options,
        faults: &mut Faults<'_>,
    ) -> Option<Self> {
        let ir = denied.map_or(ir, |denied| &denied.ir);
        let types = sets(TypeSets::of_types(ir), faults, |id| ("type", ir.types[id.index()].name), ir);
        let roles = sets(RoleSets::of_roles(ir), faults, |id| ("role", ir.roles[id.index()].name), ir);
        let users = sets(UserSets::of_users(ir), faults, |id| ("user", ir.users[id.index()].name), ir);
        let accesses = Accesses::new(ir, options.compat, faults);
        let levels = Levels::new(ir, faults);
        let (types, roles, users) = (types?, roles?, users?);
        let fates =
            denied.map_or_else(|| keep::fates(ir, &types, options, faults), |denied| denied.fates.clone());
        let type_values = type_values(ir, &fates, denied.map(|denied| &denied.order[..]), faults)?;
        if ir.classes.len() > usize::from(u16::MAX) {
            let message = format!("{} classes; rules can tell {} apart", ir.classes.len(), u16::MAX);
            faults.error_of_all("too-many-classes", message);
            return None;
        }
        let role_types = RoleTypes::new(ir, &types, &roles);
        let user_roles = UserRoles::new(ir, &roles, &users);
        let (Some(role_types), Some(user_roles)) = (role_types, user_roles) else {
            let message =
                "roletype or userrole give too many roles too many types, or too many users too many roles";
            faults.error_of_all("too-many-roles", message.to_owned());
            return None;
        };
        let tables = Self {
            mls: options.mls.or(ir.mls).unwrap_or(false),
            role_values: role_values(ir),
            user_values: numbered(ir.users.iter().map(|user| !user.is_attribute)),
            role_types,
            user_roles,
            ir,
            options,
            types,
            roles,
            users,
            fates,
            accesses,
            levels,
            type_values,
        };
        super::budget::check(&tables, faults).then_some(tables)
    }

    /// The value of a type, or of an attribute that is kept; 0 for others.
    pub(crate) fn type_value(&self, id: TypeId) -> u32 {
        u32::from(self.type_values[id.index()])
    }

    /// The value of a role.
    pub(crate) fn role_value(&self, id: RoleId) -> u32 {
        self.role_values[id.index()]
    }

    /// The value of a user.
    pub(crate) fn user_value(&self, id: UserId) -> u32 {
        self.user_values[id.index()]
    }

    /// The values of the roles that are meant, ascending but for `object_r`.
    pub(crate) fn role_members(&self, id: RoleId) -> Vec<u32> {
        collect(self.roles.members(id), |index| self.role_values[index])
    }

    /// The values of the users that are meant, ascending.
    pub(crate) fn user_members(&self, id: UserId) -> Vec<u32> {
        collect(self.users.members(id), |index| self.user_values[index])
    }

    /// The values of the types that are meant, ascending.
    pub(crate) fn type_members(&self, id: TypeId) -> Vec<u16> {
        let mut values = Vec::new();
        self.add_types(id, &mut values);
        values
    }

    fn add_types(&self, id: TypeId, values: &mut Vec<u16>) {
        self.types.members(id).for_each(|index| values.push(self.type_values[index]));
    }

    pub(crate) fn handle_unknown(&self) -> policydb::HandleUnknown {
        match self.options.handle_unknown.or(self.ir.handle_unknown).unwrap_or(HandleUnknown::Deny) {
            HandleUnknown::Deny => policydb::HandleUnknown::Deny,
            HandleUnknown::Reject => policydb::HandleUnknown::Reject,
            HandleUnknown::Allow => policydb::HandleUnknown::Allow,
        }
    }
}

/// The sources and targets of a rule. It is kept from rule to rule, so that its lists need not be made anew.
#[derive(Default)]
pub(crate) struct Pairs {
    sources: Vec<u16>,
    targets: Vec<u16>,
    selection: Selection,
}

/// Which pairs of sources and targets a rule is about.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Selection {
    #[default]
    All,
    Equal,
    Different,
}

impl Pairs {
    /// Takes those of a rule, attributes replaced by their types unless they are kept and not to be expanded.
    pub(crate) fn of_rule(&mut self, tables: &Tables<'_>, source: TypeId, target: Target) {
        if let Target::Type(target) = target {
            self.clear();
            add_unexpanded(tables, source, &mut self.sources);
            add_unexpanded(tables, target, &mut self.targets);
        } else {
            self.of_types(tables, source, target);
        }
    }

    /// Takes those of a rule, all attributes replaced by their types.
    pub(crate) fn of_types(&mut self, tables: &Tables<'_>, source: TypeId, target: Target) {
        self.clear();
        tables.add_types(source, &mut self.sources);
        match target {
            Target::Type(target) => tables.add_types(target, &mut self.targets),
            Target::SelfType => self.selection = Selection::Equal,
            Target::NotSelf => {
                self.selection = Selection::Different;
                self.targets.extend(tables.types.all().iter().map(|index| tables.type_values[index]));
            }
            Target::Other => {
                self.selection = Selection::Different;
                self.targets.extend(&self.sources);
            }
        }
    }

    /// Calls with each pair, ascending by source and then by target.
    pub(crate) fn for_each(&self, mut call: impl FnMut(u16, u16)) {
        for source in &self.sources {
            match self.selection {
                Selection::All => self.targets.iter().for_each(|target| call(*source, *target)),
                Selection::Equal => call(*source, *source),
                Selection::Different => {
                    let others = self.targets.iter().filter(|target| *target != source);
                    others.for_each(|target| call(*source, *target));
                }
            }
        }
    }

    fn clear(&mut self) {
        self.sources.clear();
        self.targets.clear();
        self.selection = Selection::All;
    }
}

fn add_unexpanded(tables: &Tables<'_>, id: TypeId, values: &mut Vec<u16>) {
    if tables.fates[id.index()].is_expanded {
        tables.add_types(id, values);
    } else {
        values.push(tables.type_values[id.index()]);
    }
}

fn collect(members: Members<'_>, value: impl Fn(usize) -> u32) -> Vec<u32> {
    let mut values = Vec::new();
    members.for_each(|index| values.push(value(index)));
    values
}

/// Values in the order of declaration; 0 for what has none.
fn numbered(has_value: impl Iterator<Item = bool>) -> Vec<u32> {
    let mut last = 0;
    let number = |has_value: bool| {
        last += u32::from(has_value);
        if has_value { last } else { 0 }
    };
    has_value.map(number).collect()
}

/// In the order of declaration unless another is given.
fn type_values(
    ir: &Ir,
    fates: &[Fate],
    order: Option<&[TypeId]>,
    faults: &mut Faults<'_>,
) -> Option<Vec<u16>> {
    let mut values = numbered(fates.iter().map(|fate| fate.is_kept));
    if let Some(order) = order {
        let ordered = numbered(order.iter().map(|id| fates[id.index()].is_kept));
        for (id, value) in order.iter().zip(ordered) {
            values[id.index()] = value;
        }
    }
    let narrow: Result<Vec<u16>, _> = values.iter().map(|value| u16::try_from(*value)).collect();
    if narrow.is_err() {
        let first = values.iter().position(|value| *value > u32::from(u16::MAX)).unwrap_or(0);
        let limit = u16::MAX;
        let message =
            format!("more than {limit} types and attributes, which is all that rules can tell apart");
        faults.error("too-many-types", ir.types[first].origin, message);
    }
    narrow.ok()
}

/// `object_r` has the first value, the others follow in the order of declaration.
fn role_values(ir: &Ir) -> Vec<u32> {
    let is_object_role = |role: &crate::ir::RoleDecl| ir.names.get(role.name) == OBJECT_ROLE;
    let others = numbered(ir.roles.iter().map(|role| !role.is_attribute && !is_object_role(role)));
    let value = |(role, value): (&crate::ir::RoleDecl, u32)| match value {
        0 => u32::from(!role.is_attribute),
        value => value + 1,
    };
    ir.roles.iter().zip(others).map(value).collect()
}

fn sets<T: Copy + std::fmt::Debug>(
    sets: Result<AttributeSets<T>, SetError<T>>,
    faults: &mut Faults<'_>,
    describe: impl Fn(T) -> (&'static str, crate::names::Symbol),
    ir: &Ir,
) -> Option<AttributeSets<T>> {
    let fault = match sets {
        Ok(sets) => return Some(sets),
        Err(fault) => fault,
    };
    match &fault {
        SetError::Cycle { path } => {
            let (attribute, origin) = path.first().copied()?;
            let (kind, name) = describe(attribute);
            let message = format!("{kind} attribute {} holds itself", ir.names.text(name));
            let other: Option<(T, OriginId)> = path.get(1).copied();
            match other {
                Some((_, other)) => {
                    faults.conflict("attribute-cycle", (origin, message), (other, "by way of this"));
                }
                None => faults.error("attribute-cycle", origin, message),
            }
        }
        SetError::Malformed(origin) => faults.error("attribute-expression", *origin, fault.to_string()),
        SetError::TooLarge { .. } => faults.error_of_all("too-many-attributes", fault.to_string()),
    }
    None
}
