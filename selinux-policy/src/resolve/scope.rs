//! Who declares which name where.

use rustc_hash::FxHashMap;

use super::tree::InstanceId;
use crate::names::Symbol;
use crate::syntax::Word;

/// No place: of lists that are indexed by 32 bits.
pub(super) const NONE: u32 = u32::MAX;

pub(super) type DeclarationId = u32;
pub(super) type ScopeId = u32;

/// The scope that is around everything.
pub(super) const ROOT_SCOPE: ScopeId = 0;

/// Kinds of names that do not clash with those of other kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Containers,
    Users,
    Roles,
    Types,
    Commons,
    Classes,
    ClassPermissions,
    Bools,
    Tunables,
    Sensitivities,
    Categories,
    Sids,
    Contexts,
    Levels,
    Ranges,
    Capabilities,
    Addresses,
    PermissionXs,
}

const TABLES: usize = Table::PermissionXs as usize + 1;

impl Table {
    /// The table that a statement declares in; `None` if it declares nothing.
    pub(super) fn of(word: Word) -> Option<Self> {
        Some(match word {
            Word::Block | Word::Macro | Word::Optional => Self::Containers,
            Word::User | Word::Userattribute => Self::Users,
            Word::Role | Word::Roleattribute => Self::Roles,
            Word::Type | Word::Typeattribute | Word::Typealias => Self::Types,
            Word::Common => Self::Commons,
            Word::Class | Word::Classmap => Self::Classes,
            Word::Classpermission => Self::ClassPermissions,
            Word::Boolean => Self::Bools,
            Word::Tunable => Self::Tunables,
            Word::Sensitivity | Word::Sensitivityalias => Self::Sensitivities,
            Word::Category | Word::Categoryset | Word::Categoryalias => Self::Categories,
            Word::Sid => Self::Sids,
            Word::Context => Self::Contexts,
            Word::Level => Self::Levels,
            Word::Levelrange => Self::Ranges,
            Word::Policycap => Self::Capabilities,
            Word::Ipaddr => Self::Addresses,
            Word::Permissionx => Self::PermissionXs,
            _ => return None,
        })
    }

    /// What a name in it names, in words.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Containers => "block, macro or optional",
            Self::Users => "user",
            Self::Roles => "role",
            Self::Types => "type",
            Self::Commons => "common",
            Self::Classes => "class",
            Self::ClassPermissions => "classpermission",
            Self::Bools => "boolean",
            Self::Tunables => "tunable",
            Self::Sensitivities => "sensitivity",
            Self::Categories => "category",
            Self::Sids => "sid",
            Self::Contexts => "context",
            Self::Levels => "level",
            Self::Ranges => "levelrange",
            Self::Capabilities => "policycap",
            Self::Addresses => "ipaddr",
            Self::PermissionXs => "permissionx",
        }
    }
}

/// Something with a name, or an argument that is written out instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declaration {
    /// The statement that it is of; for arguments, that of what they are.
    pub(super) word: Word,
    /// Its name; `None` for arguments that are written out.
    pub(super) name: Option<Symbol>,
    /// Where it is known.
    pub(super) scope: ScopeId,
    /// The container that it stands in; for arguments, the call.
    pub(super) instance: InstanceId,
    /// Its statement; for arguments, the call's.
    pub(super) statement: u32,
    /// How many statements declare it, where there may be several.
    pub(super) count: u32,
    /// Of containers, their first instance; of aliases, what they name; of arguments, their node; of classes, commons and
    /// class maps, their permissions.
    pub(super) target: u32,
    /// Of blocks and macros, their own scope.
    pub(super) inner: ScopeId,
    /// Its place in the list of the resolved policy.
    pub(super) id: u32,
}

/// What a scope belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScopeKind {
    Root,
    Block,
    Macro,
    /// Names in `in` and `tunableif` are declared where these are resolved to; until then they only may not clash.
    Pending,
}

#[derive(Debug)]
struct Scope {
    kind: ScopeKind,
    /// The block or macro.
    owner: DeclarationId,
}

/// All scopes with their names.
#[derive(Debug)]
pub(super) struct Scopes {
    all: Vec<Scope>,
    /// Names outside of all blocks by symbol, since nearly all are there.
    root: Vec<Vec<u32>>,
    inner: FxHashMap<(ScopeId, u8, Symbol), DeclarationId>,
}

impl Scopes {
    pub(super) fn new() -> Self {
        let root = vec![Vec::new(); TABLES];
        Self { all: vec![Scope { kind: ScopeKind::Root, owner: NONE }], root, inner: FxHashMap::default() }
    }

    pub(super) fn add(&mut self, kind: ScopeKind, owner: DeclarationId) -> ScopeId {
        self.all.push(Scope { kind, owner });
        u32::try_from(self.all.len() - 1).unwrap_or(NONE)
    }

    pub(super) fn kind(&self, scope: ScopeId) -> ScopeKind {
        self.all[scope as usize].kind
    }

    pub(super) fn owner(&self, scope: ScopeId) -> DeclarationId {
        self.all[scope as usize].owner
    }

    pub(super) fn get(&self, scope: ScopeId, table: Table, name: Symbol) -> Option<DeclarationId> {
        if scope == ROOT_SCOPE {
            self.root[table as usize].get(name.index()).copied().filter(|found| *found != NONE)
        } else {
            self.inner.get(&(scope, table as u8, name)).copied()
        }
    }

    /// Makes a name known; it must not be so far.
    pub(super) fn insert(&mut self, scope: ScopeId, table: Table, name: Symbol, declaration: DeclarationId) {
        if scope == ROOT_SCOPE {
            let names = &mut self.root[table as usize];
            if names.len() <= name.index() {
                names.resize(name.index() + 1, NONE);
            }
            names[name.index()] = declaration;
        } else {
            self.inner.insert((scope, table as u8, name), declaration);
        }
    }

    /// Forgets a name.
    pub(super) fn remove(&mut self, scope: ScopeId, table: Table, name: Symbol) {
        if scope == ROOT_SCOPE {
            if let Some(slot) = self.root[table as usize].get_mut(name.index()) {
                *slot = NONE;
            }
        } else {
            self.inner.remove(&(scope, table as u8, name));
        }
    }

    /// The names of a kind outside of all blocks, for suggestions.
    pub(super) fn root_names(&self, table: Table) -> impl Iterator<Item = Symbol> {
        let names = self.root[table as usize].iter().enumerate().filter(|(_, found)| **found != NONE);
        names.map(|(symbol, _)| Symbol::from_index(u32::try_from(symbol).unwrap_or(0)))
    }
}
