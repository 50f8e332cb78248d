//! What class maps and named sets of class permissions stand for.

use super::order::{Needs, evaluation_order};
use crate::ir::{ClassId, ClassPerms, ClassRef, Ir, OriginId};

/// All sets together have at most this many pairs of a class and permissions, 128 MiB. A binary policy has at most 65,535
/// classes; of sets the language limits nothing, but refpolicy has two hundred of a few pairs each.
pub const MAX_CLASS_PERMISSIONS: usize = 16 << 20;

/// A class and the bits of its permissions.
pub type ClassBits = (ClassId, u32);

/// What class maps and named sets of class permissions stand for: lists of classes, ascending, each once.
#[derive(Clone, Debug)]
pub struct ClassSets {
    /// Where each map's permissions begin in `values`.
    maps: Vec<usize>,
    /// Where the named sets begin in `values`.
    sets: usize,
    values: Vec<Box<[ClassBits]>>,
    /// The classes of each map.
    map_classes: Vec<Box<[ClassId]>>,
}

/// Class permissions that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassSetError {
    /// Permissions of a class map or a set that are defined by themselves. The origins are those of the maps and sets, each
    /// defined by the next.
    #[error("class permissions are defined by themselves")]
    Cycle(Vec<OriginId>),
    /// More than [`MAX_CLASS_PERMISSIONS`].
    #[error("class maps and class permission sets have over {MAX_CLASS_PERMISSIONS} permissions of classes")]
    TooLarge,
}

impl ClassSets {
    /// Evaluates all `classmapping` and `classpermissionset`.
    pub fn of(ir: &Ir) -> Result<Self, ClassSetError> {
        let definitions = Definitions::new(ir);
        let order = evaluation_order(definitions.list.len(), |_| true, |number| definitions.needs(number))
            .map_err(|circle| ClassSetError::Cycle(circle.into_iter().map(|(_, origin)| origin).collect()))?;
        let mut sets = definitions.without_values();
        let mut total = 0_usize;
        for number in order {
            let mut value = Vec::new();
            for access in definitions.list[number].0 {
                sets.for_each(access, |bits| value.push(bits));
            }
            let value = merged(value);
            total += value.len();
            if total > MAX_CLASS_PERMISSIONS {
                return Err(ClassSetError::TooLarge);
            }
            sets.values[number] = value;
        }
        sets.map_classes = ir.class_maps.iter().zip(0..).map(|(map, place)| sets.union(place, map)).collect();
        Ok(sets)
    }

    /// Calls with each class and the bits that class permissions give it. A class may come more than once if permissions of
    /// a map are named that both have it.
    pub fn for_each(&self, access: &ClassPerms, mut call: impl FnMut(ClassBits)) {
        match access {
            ClassPerms::Class(class, bits) => call((*class, *bits)),
            ClassPerms::Map(map, permissions) => {
                for permission in permissions {
                    let value = &self.values[self.maps[map.index()] + *permission as usize];
                    value.iter().copied().for_each(&mut call);
                }
            }
            ClassPerms::Set(set) => self.values[self.sets + set.index()].iter().copied().for_each(call),
        }
    }

    /// Calls with each class that is meant: itself, or those that any permission of the map is mapped to.
    pub fn for_each_class(&self, class: ClassRef, mut call: impl FnMut(ClassId)) {
        match class {
            ClassRef::Class(class) => call(class),
            ClassRef::Map(map) => self.map_classes[map.index()].iter().copied().for_each(call),
        }
    }

    fn union(&self, place: usize, map: &crate::ir::ClassMap) -> Box<[ClassId]> {
        let values = self.values[self.maps[place]..].iter().take(map.permissions.len());
        let mut classes: Vec<ClassId> =
            values.flat_map(|value| value.iter().map(|(class, _)| *class)).collect();
        classes.sort_unstable();
        classes.dedup();
        classes.into()
    }
}

/// The permissions of all class maps, one after another, and then the sets.
struct Definitions<'a> {
    list: Vec<(&'a [ClassPerms], OriginId)>,
    maps: Vec<usize>,
    sets: usize,
}

impl<'a> Definitions<'a> {
    fn new(ir: &'a Ir) -> Self {
        let (mut list, mut maps) = (Vec::new(), Vec::new());
        for map in &ir.class_maps {
            maps.push(list.len());
            list.extend(map.permissions.iter().map(|(_, sets)| (sets.as_slice(), map.origin)));
        }
        let sets = list.len();
        list.extend(ir.class_permissions.iter().map(|named| (named.sets.as_slice(), named.origin)));
        Self { list, maps, sets }
    }

    fn needs(&self, number: usize) -> Needs {
        let (sets, origin) = self.list[number];
        let mut needs = Needs::new();
        for access in sets {
            match access {
                ClassPerms::Class(..) => {}
                ClassPerms::Map(map, permissions) => {
                    let first = self.maps[map.index()];
                    needs.extend(permissions.iter().map(|permission| (first + *permission as usize, origin)));
                }
                ClassPerms::Set(set) => needs.push((self.sets + set.index(), origin)),
            }
        }
        needs
    }

    fn without_values(&self) -> ClassSets {
        let values = vec![Box::default(); self.list.len()];
        ClassSets { maps: self.maps.clone(), sets: self.sets, values, map_classes: Vec::new() }
    }
}

fn merged(mut value: Vec<ClassBits>) -> Box<[ClassBits]> {
    value.sort_unstable();
    value.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            earlier.1 |= later.1;
        }
        is_same
    });
    value.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{ClassMap, ClassMapId, ClassPermission, ClassPermissionId};
    use crate::names::Names;

    const FILE: ClassId = ClassId(0);
    const DIR: ClassId = ClassId(1);

    fn map(names: &mut Names, permissions: Vec<Vec<ClassPerms>>) -> ClassMap {
        let name = names.intern(b"map");
        let permissions = permissions.into_iter().map(|sets| (name, sets)).collect();
        ClassMap { name, permissions, origin: OriginId(1) }
    }

    fn set(sets: Vec<ClassPerms>) -> ClassPermission {
        ClassPermission { name: None, sets, origin: OriginId(2) }
    }

    fn of_map(permissions: &[u32]) -> ClassPerms {
        ClassPerms::Map(ClassMapId(0), permissions.into())
    }

    fn pairs(sets: &ClassSets, access: &ClassPerms) -> Vec<ClassBits> {
        let mut pairs = Vec::new();
        sets.for_each(access, |bits| pairs.push(bits));
        pairs
    }

    #[test]
    fn maps_and_sets_may_be_made_of_each_other() {
        let mut ir = Ir::default();
        let own = vec![ClassPerms::Class(DIR, 1), ClassPerms::Class(FILE, 2), ClassPerms::Class(DIR, 4)];
        let by_set = vec![ClassPerms::Set(ClassPermissionId(0))];
        ir.class_maps = vec![map(&mut ir.names, vec![own, by_set])];
        ir.class_permissions = vec![set(vec![of_map(&[0]), ClassPerms::Class(FILE, 1)])];
        let sets = ClassSets::of(&ir).unwrap();
        assert_eq!(pairs(&sets, &of_map(&[0])), [(FILE, 2), (DIR, 5)]);
        assert_eq!(pairs(&sets, &of_map(&[1])), [(FILE, 3), (DIR, 5)]);
        assert_eq!(pairs(&sets, &ClassPerms::Set(ClassPermissionId(0))), [(FILE, 3), (DIR, 5)]);
        let mut classes = Vec::new();
        sets.for_each_class(ClassRef::Map(ClassMapId(0)), |class| classes.push(class));
        assert_eq!(classes, [FILE, DIR]);
    }

    #[test]
    fn what_is_made_of_itself_is_refused() {
        let mut ir = Ir::default();
        ir.class_maps = vec![map(&mut ir.names, vec![vec![ClassPerms::Set(ClassPermissionId(0))]])];
        ir.class_permissions = vec![set(vec![of_map(&[0])])];
        let error = ClassSets::of(&ir).unwrap_err();
        assert_eq!(error, ClassSetError::Cycle(vec![OriginId(1), OriginId(2)]));
    }
}
