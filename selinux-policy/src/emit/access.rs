//! Class maps and named sets of class permissions, down to classes and the bits of their permissions.

use super::faults::Faults;
use crate::ir::{ClassId, ClassMap, ClassMapId, ClassPermissionId, ClassPerms, ClassRef, Ir};
use crate::policydb::Compat;

/// A class and the bits of its permissions.
pub(crate) type Access = (ClassId, u32);

/// Maps and sets that stand for more than this together are refused: each level of nesting can double the number, and real
/// policies have a few thousand.
const MAX_ACCESSES: usize = 1 << 22;

/// What each map permission and named set stands for. Repetitions are kept, since conditional rules and constraints are
/// repeated with them.
#[derive(Debug, Default)]
pub(crate) struct Accesses {
    /// By map and the permission's place in it.
    maps: Vec<Vec<Vec<Access>>>,
    sets: Vec<Vec<Access>>,
    /// By map: the places of its permissions in the order in which libsepol goes through all of them.
    orders: Vec<Vec<usize>>,
}

/// How many buckets the table of a map's permissions begins with.
const MAP_BUCKETS: u32 = 256;

impl Accesses {
    /// Works out all of them.
    pub(crate) fn new(ir: &Ir, compat: Compat, faults: &mut Faults<'_>) -> Self {
        let mut flattener = Flattener::new(ir);
        for map in (0..).map(ClassMapId).take(ir.class_maps.len()) {
            for permission in 0..ir.class_maps[map.index()].permissions.len() {
                flattener.flatten(Node::Map(map.index(), permission), faults);
            }
        }
        for set in (0..).map(ClassPermissionId).take(ir.class_permissions.len()) {
            flattener.flatten(Node::Set(set.index()), faults);
        }
        flattener.done.orders = ir.class_maps.iter().map(|map| hashed_order(ir, map, compat)).collect();
        flattener.done
    }

    /// How many named sets there are.
    pub(crate) fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// How many accesses an expression stands for.
    pub(crate) fn size(&self, perms: &ClassPerms) -> u64 {
        match perms {
            ClassPerms::Class(..) => 1,
            ClassPerms::Map(map, places) => {
                let of_map = &self.maps[map.index()];
                places.iter().map(|place| of_map[*place as usize].len() as u64).sum()
            }
            ClassPerms::Set(set) => self.sets.get(set.index()).map_or(1, |set| set.len() as u64),
        }
    }

    /// How many accesses all permissions of a map stand for.
    pub(crate) fn map_size(&self, map: usize) -> u64 {
        self.maps[map].iter().map(|accesses| accesses.len() as u64).sum()
    }

    /// Adds what an expression stands for.
    pub(crate) fn add_to(&self, perms: &ClassPerms, accesses: &mut Vec<Access>) {
        match perms {
            ClassPerms::Class(class, bits) => accesses.push((*class, *bits)),
            ClassPerms::Map(map, places) => {
                for place in places {
                    accesses.extend(&self.maps[map.index()][*place as usize]);
                }
            }
            ClassPerms::Set(set) => accesses.extend(&self.sets[set.index()]),
        }
    }

    /// The classes of a class or map, as often as the map has them.
    pub(crate) fn classes(&self, class: ClassRef) -> impl Iterator<Item = ClassId> + '_ {
        let (one, map, order) = match class {
            ClassRef::Class(class) => (Some(class), &[][..], &[][..]),
            ClassRef::Map(map) => (None, &self.maps[map.index()][..], &self.orders[map.index()][..]),
        };
        one.into_iter().chain(order.iter().flat_map(|place| &map[*place]).map(|(class, _)| *class))
    }
}

fn hashed_order(ir: &Ir, map: &ClassMap, compat: Compat) -> Vec<usize> {
    let names = map.permissions.iter().map(|(name, _)| ir.names.get(*name));
    let mut order: Vec<(usize, &[u8])> = names.enumerate().collect();
    compat.sort_symbols(&mut order, MAP_BUCKETS, |(_, name)| name);
    order.into_iter().map(|(place, _)| place).collect()
}

/// What is to be flattened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Map(usize, usize),
    Set(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Untouched,
    Open,
    Done,
}

struct Flattener<'a> {
    ir: &'a Ir,
    done: Accesses,
    maps: Vec<Vec<State>>,
    sets: Vec<State>,
    total: usize,
}

impl<'a> Flattener<'a> {
    fn new(ir: &'a Ir) -> Self {
        let sizes = || ir.class_maps.iter().map(|map| map.permissions.len());
        let done = Accesses {
            maps: sizes().map(|size| vec![Vec::new(); size]).collect(),
            sets: vec![Vec::new(); ir.class_permissions.len()],
            orders: Vec::new(),
        };
        let maps = sizes().map(|size| vec![State::Untouched; size]).collect();
        Self { ir, done, maps, sets: vec![State::Untouched; ir.class_permissions.len()], total: 0 }
    }

    /// Flattens a node after all that it names. The stack is our own: sources can nest sets as deep as they like.
    fn flatten(&mut self, node: Node, faults: &mut Faults<'_>) {
        let mut stack = vec![node];
        while let Some(node) = stack.last().copied() {
            match *self.state(node) {
                State::Done => {
                    stack.pop();
                }
                State::Untouched => {
                    *self.state(node) = State::Open;
                    for named in named(self.perms(node)) {
                        match *self.state(named) {
                            State::Untouched => stack.push(named),
                            State::Open => self.refuse_cycle(named, faults),
                            State::Done => {}
                        }
                    }
                }
                State::Open => {
                    self.finish(node, faults);
                    stack.pop();
                }
            }
        }
    }

    fn finish(&mut self, node: Node, faults: &mut Faults<'_>) {
        *self.state(node) = State::Done;
        if self.perms(node).is_empty() {
            self.refuse_empty(node, faults);
            return;
        }
        let mut accesses = Vec::new();
        for perms in self.perms(node) {
            if self.total + accesses.len() <= MAX_ACCESSES {
                self.done.add_to(perms, &mut accesses);
            }
        }
        let was_within = self.total <= MAX_ACCESSES;
        self.total += accesses.len();
        if self.total > MAX_ACCESSES {
            if was_within {
                let message =
                    format!("class permissions stand for over {MAX_ACCESSES} permissions of classes");
                faults.error("too-many-class-permissions", self.origin(node), message);
            }
            return;
        }
        match node {
            Node::Map(map, permission) => self.done.maps[map][permission] = accesses,
            Node::Set(set) => self.done.sets[set] = accesses,
        }
    }

    fn refuse_empty(&self, node: Node, faults: &mut Faults<'_>) {
        let message = match node {
            Node::Map(..) => format!("no classmapping gives permissions to {}", self.name(node)),
            Node::Set(_) => format!("no classpermissionset gives permissions to {}", self.name(node)),
        };
        faults.error("empty-class-permission", self.origin(node), message);
    }

    fn refuse_cycle(&self, node: Node, faults: &mut Faults<'_>) {
        let message = format!("class permissions of {} are defined by themselves", self.name(node));
        faults.error("class-permission-cycle", self.origin(node), message);
    }

    fn state(&mut self, node: Node) -> &mut State {
        match node {
            Node::Map(map, permission) => &mut self.maps[map][permission],
            Node::Set(set) => &mut self.sets[set],
        }
    }

    fn perms(&self, node: Node) -> &'a [ClassPerms] {
        match node {
            Node::Map(map, permission) => &self.ir.class_maps[map].permissions[permission].1,
            Node::Set(set) => &self.ir.class_permissions[set].sets,
        }
    }

    fn origin(&self, node: Node) -> crate::ir::OriginId {
        match node {
            Node::Map(map, _) => self.ir.class_maps[map].origin,
            Node::Set(set) => self.ir.class_permissions[set].origin,
        }
    }

    fn name(&self, node: Node) -> String {
        let names = &self.ir.names;
        match node {
            Node::Map(map, permission) => {
                let map = &self.ir.class_maps[map];
                let permission = names.text(map.permissions[permission].0);
                format!("permission {permission} of class map {}", names.text(map.name))
            }
            Node::Set(set) => match self.ir.class_permissions[set].name {
                Some(name) => format!("classpermission {}", names.text(name)),
                None => "class permissions without a name".to_owned(),
            },
        }
    }
}

/// The maps' permissions and the sets that expressions name.
fn named(perms: &[ClassPerms]) -> Vec<Node> {
    let mut nodes = Vec::new();
    for perms in perms {
        match perms {
            ClassPerms::Class(..) => {}
            ClassPerms::Map(map, places) => {
                nodes.extend(places.iter().map(|place| Node::Map(map.index(), *place as usize)));
            }
            ClassPerms::Set(set) => nodes.push(Node::Set(set.index())),
        }
    }
    nodes
}
