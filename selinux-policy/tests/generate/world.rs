//! What a policy under construction declares, and where.

use std::collections::BTreeMap;

use super::random::Random;

/// Kinds of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Type,
    TypeAttribute,
    TypeAlias,
    Role,
    RoleAttribute,
    User,
    UserAttribute,
    Bool,
    Tunable,
    Class,
    ClassPermission,
    PermissionX,
    Level,
    LevelRange,
    Context,
    Category,
    CategorySet,
    Sensitivity,
    Macro,
    IpAddress,
    /// What macros take as a name of a file.
    FileName,
}

/// Something declared.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// The block, by its place in [`World::blocks`].
    pub(crate) block: usize,
}

/// A block. The first is the root, which is its own parent.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) parent: usize,
}

/// A class.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) permissions: Vec<String>,
}

/// Everything declared.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the policy")]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) blocks: Vec<Block>,
    declared: BTreeMap<Kind, Vec<Declared>>,
    /// The classes, by name; they are all in the root.
    pub(crate) classes: BTreeMap<String, Class>,
    /// The permissions of class maps, by name.
    pub(crate) class_maps: BTreeMap<String, Vec<String>>,
    pub(crate) is_mls: bool,
    /// The number of sensitivities, `s0` to below it, and of categories.
    pub(crate) sensitivities: usize,
    pub(crate) categories: usize,
    /// Optionals that statements may be put into: their names for the root, and the blocks that they are in.
    pub(crate) optionals: Vec<(String, usize)>,
    /// What macros take, by name.
    pub(crate) macros: BTreeMap<String, super::containers::Macro>,
    /// Whether statements are used that came after 3.4.
    pub(crate) is_modern: bool,
    /// Whether the policy is for Xen, which has no extended permissions.
    pub(crate) is_xen: bool,
    /// Which part of a range the default rules for ranges take.
    pub(crate) ranges_by_default: &'static str,
    /// Whether names have dots, and there are no blocks.
    pub(crate) is_qualified: bool,
    /// Whether a macro's body is being made: what it declares is declared by each call.
    pub(crate) is_in_macro: bool,
    /// The names that statements may use besides, for macros: their parameters.
    pub(crate) parameters: Vec<(Kind, String)>,
    /// For names that are used once.
    counter: usize,
}

impl World {
    pub(crate) fn new(random: Random) -> Self {
        let blocks = vec![Block { name: String::new(), parent: 0 }];
        Self {
            random,
            blocks,
            declared: BTreeMap::new(),
            classes: BTreeMap::new(),
            class_maps: BTreeMap::new(),
            is_mls: false,
            sensitivities: 1,
            categories: 1,
            optionals: Vec::new(),
            macros: BTreeMap::new(),
            is_modern: false,
            is_xen: false,
            ranges_by_default: "low-high",
            is_qualified: false,
            is_in_macro: false,
            parameters: Vec::new(),
            counter: 0,
        }
    }

    /// Notes a declaration.
    pub(crate) fn declare(&mut self, kind: Kind, name: &str, block: usize) {
        self.declared.entry(kind).or_default().push(Declared { name: name.to_owned(), block });
    }

    /// A number that has not been given before.
    pub(crate) fn next(&mut self) -> usize {
        self.counter += 1;
        self.counter
    }

    /// Whether there is anything of a kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.declared.contains_key(&kind)
    }

    /// A name of a kind as statements of a block may write it. There must be one.
    pub(crate) fn name(&mut self, kind: Kind, block: usize) -> String {
        let parameters: Vec<String> =
            self.parameters.iter().filter(|(its, _)| *its == kind).map(|(_, name)| name.clone()).collect();
        if !parameters.is_empty() && self.random.chance(60) {
            return self.random.pick(&parameters);
        }
        let declared = self.random.pick(&self.declared[&kind]);
        self.written(&declared, block)
    }

    /// A name of the first of these kinds that is picked and that there is.
    pub(crate) fn name_of(&mut self, kinds: &[Kind], block: usize) -> String {
        let there: Vec<Kind> = kinds.iter().copied().filter(|kind| self.has(*kind)).collect();
        let kind = self.random.pick(&there);
        self.name(kind, block)
    }

    /// A type or alias.
    pub(crate) fn type_(&mut self, block: usize) -> String {
        if self.random.chance(10) {
            self.name_of(&[Kind::Type, Kind::TypeAlias], block)
        } else {
            self.name(Kind::Type, block)
        }
    }

    /// A type, alias or attribute.
    pub(crate) fn type_or_attribute(&mut self, block: usize) -> String {
        if self.random.chance(45) {
            return self.name_of(&[Kind::TypeAttribute, Kind::Type], block);
        }
        self.type_(block)
    }

    /// A name of the root, written so that it is found from everywhere.
    pub(crate) fn of_root(&self, name: &str) -> String {
        format!("{}{name}", if self.is_qualified { "" } else { "." })
    }

    /// Some of the declared names of a kind, written for the root.
    pub(crate) fn all(&mut self, kind: Kind) -> Vec<String> {
        let declared = self.declared.get(&kind).cloned().unwrap_or_default();
        declared.iter().map(|one| self.path(one)).collect()
    }

    fn written(&mut self, declared: &Declared, from: usize) -> String {
        let is_near = self.encloses(declared.block, from);
        // A dot before a qualified name would be part of it.
        if self.is_qualified || (is_near && self.random.chance(85)) {
            return declared.name.clone();
        }
        let dot = if self.random.chance(15) { "." } else { "" };
        format!("{dot}{}", self.path(declared))
    }

    pub(crate) fn path(&self, declared: &Declared) -> String {
        let (mut path, mut block) = (declared.name.clone(), declared.block);
        while block != 0 {
            path = format!("{}.{path}", self.blocks[block].name);
            block = self.blocks[block].parent;
        }
        path
    }

    /// The name of a block for the root.
    pub(crate) fn block_path(&self, block: usize) -> String {
        let Block { name, parent } = self.blocks[block].clone();
        self.path(&Declared { name, block: parent })
    }

    fn encloses(&self, outer: usize, inner: usize) -> bool {
        let mut block = inner;
        while block != outer && block != 0 {
            block = self.blocks[block].parent;
        }
        block == outer
    }
}
