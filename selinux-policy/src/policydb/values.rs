//! The highest values of symbols, which the tables begin with.

use super::Policy;
use super::symbols::{Class, Common, Permission};

/// The highest value of each kind of symbol; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HighestValues {
    pub(super) commons: u32,
    pub(super) classes: u32,
    pub(super) roles: u32,
    pub(super) types: u32,
    pub(super) users: u32,
    pub(super) bools: u32,
    pub(super) sensitivities: u32,
    pub(super) categories: u32,
}

impl Policy {
    pub(super) fn highest_values(&self) -> HighestValues {
        HighestValues {
            commons: highest(self.commons.iter().map(|it| it.value)),
            classes: highest(self.classes.iter().map(|it| it.value)),
            roles: highest(self.roles.iter().map(|it| it.value)).saturating_add(self.reserved_roles),
            types: u32::try_from(self.type_attribute_map.len()).unwrap_or(u32::MAX),
            users: highest(self.users.iter().map(|it| it.value)),
            bools: highest(self.bools.iter().map(|it| it.value)),
            sensitivities: highest(self.sensitivities.iter().map(|it| it.level.sensitivity)),
            categories: highest(self.categories.iter().map(|it| it.value)),
        }
    }
}

impl Common {
    /// The highest value of its permissions.
    pub(super) fn highest_permission(&self) -> u32 {
        highest_permission(&self.permissions)
    }
}

impl Class {
    /// The highest value of its permissions and its common's.
    pub(super) fn highest_permission(&self, commons: &[Common]) -> u32 {
        let common = commons.iter().find(|common| Some(&common.name) == self.common.as_ref());
        common.map_or(0, Common::highest_permission).max(highest_permission(&self.permissions))
    }
}

fn highest_permission(permissions: &[Permission]) -> u32 {
    highest(permissions.iter().map(|it| it.value))
}

/// The highest of some values, 0 if there are none.
pub(super) fn highest(values: impl Iterator<Item = u32>) -> u32 {
    values.max().unwrap_or(0)
}
