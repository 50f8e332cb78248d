//! From sources to a policy without scopes: containers are expanded, names resolved, and optionals judged.

mod classes;
mod contexts;
mod emit;
mod expand;
mod faults;
mod instantiate;
mod lookup;
mod mls;
mod optionals;
mod order;
mod rules;
mod scope;
mod sets;
mod tree;

use std::cell::Cell;

use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Source};
use crate::ir::Ir;
use crate::names::Names;
use crate::syntax::{self, Dialect, Statement, Tree};
use faults::Faults;
use scope::{Declaration, Scopes};
use tree::Instance;

/// How a policy is read.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent options of a command line")]
pub struct Options {
    /// Tunables become booleans, and `tunableif` becomes `booleanif`.
    pub preserve_tunables: bool,
    /// Types, attributes and roles may be declared several times.
    pub multiple_declarations: bool,
    /// Names may have dots in them; there are no blocks then.
    pub qualified_names: bool,
    /// Files are taken in an order that follows from their text, not in that in which they are given.
    pub sorted_files: bool,
    /// Conditionals may have rules over extended permissions: from policy version 34 on.
    pub conditional_xperms: bool,
    /// There is what releases from 3.6 on know: deny, typeneveraudit, `notself` and `other` as targets of rules, and
    /// capabilities that are listed again.
    pub modern: bool,
}

/// Resolves all names of a policy. Warnings come with it; errors come alone, as many as can be found in one run.
///
/// # Errors
///
/// Everything that is wrong with the sources, as far as it can be told: where a file cannot be parsed, for example, nothing
/// is said about names.
pub fn resolve(sources: &[Source], options: &Options) -> Result<(Ir, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (trees, names) = syntax::parse(sources)?;
    let (statements, starts) = statements(sources, &trees, &names, *options)?;
    let mut resolver = Resolver {
        sources,
        trees,
        statements,
        options: *options,
        instances: vec![Instance::root()],
        declarations: Vec::new(),
        scopes: Scopes::new(),
        arguments: Vec::new(),
        permissions: Vec::new(),
        inherited: rustc_hash::FxHashMap::default(),
        broken: Vec::new(),
        gone: rustc_hash::FxHashSet::default(),
        disabled: Vec::new(),
        needs_restart: false,
        judged: 0,
        dependents: rustc_hash::FxHashMap::default(),
        bounded: Default::default(),
        brought: 0,
        listed: 0,
        steps: Cell::new(0),
        lost_at: Cell::new(scope::NONE),
        is_overgrown: false,
        is_preparing: false,
        dry: true,
        faults: Faults::default(),
        ir: Ir { names, ..Ir::default() },
    };
    resolver.instantiate_files(&starts);
    resolver.run();
    if let Some(lost) = resolver.lost() {
        return Err(vec![lost]);
    }
    resolver.faults.finish().map(|warnings| (resolver.ir, warnings))
}

/// All statements, and where those of each file start.
fn statements(
    sources: &[Source],
    trees: &[Tree],
    names: &Names,
    options: Options,
) -> Result<(Vec<Statement>, Vec<u32>), Vec<Diagnostic>> {
    let dialect = Dialect {
        preserve_tunables: options.preserve_tunables,
        qualified_names: options.qualified_names,
        conditional_xperms: options.conditional_xperms,
        modern: options.modern,
    };
    let mut files: Vec<_> = (0..u32::try_from(trees.len()).unwrap_or(u32::MAX)).collect();
    if options.sorted_files {
        // Names would not do: they change when files are moved. Of files with the same text the order means nothing.
        files.sort_by_key(|file| &sources[*file as usize].text);
    }
    let found: Vec<_> = files
        .par_iter()
        .map(|file| {
            syntax::statements(&trees[*file as usize], *file, &sources[*file as usize], names, dialect)
        })
        .collect();
    let mut all = Vec::with_capacity(found.iter().map(|(statements, _)| statements.len()).sum());
    let mut starts = Vec::with_capacity(found.len() + 1);
    let mut faults = Vec::new();
    for (statements, found) in found {
        let start = u32::try_from(all.len()).unwrap_or(u32::MAX);
        starts.push(start);
        all.extend(
            statements.into_iter().map(|statement| Statement { end: statement.end + start, ..statement }),
        );
        faults.extend(found);
    }
    starts.push(u32::try_from(all.len()).unwrap_or(u32::MAX));
    if faults.is_empty() { Ok((all, starts)) } else { Err(faults) }
}

/// A policy on its way from statements to lists.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and no two of them make a state"
)]
struct Resolver<'a> {
    sources: &'a [Source],
    trees: Vec<Tree>,
    statements: Vec<Statement>,
    options: Options,
    instances: Vec<Instance>,
    declarations: Vec<Declaration>,
    scopes: Scopes,
    /// The arguments of each call.
    arguments: Vec<Vec<lookup::Argument>>,
    /// The permissions of classes, commons and class maps.
    permissions: Vec<classes::Permissions>,
    /// Which inheritances there are of each block.
    inherited: rustc_hash::FxHashMap<scope::DeclarationId, Vec<tree::InstanceId>>,
    /// Optionals in which something failed.
    broken: Vec<optionals::Broken>,
    /// Optionals that are switched off.
    gone: rustc_hash::FxHashSet<tree::InstanceId>,
    /// The same, with what was missing.
    disabled: Vec<optionals::Broken>,
    /// Whether something went that decides what names mean.
    needs_restart: bool,
    /// How many statements were judged so far.
    judged: usize,
    /// Which optionals need a declaration that an optional has, so that they are judged again when it goes.
    dependents: rustc_hash::FxHashMap<scope::DeclarationId, Vec<tree::InstanceId>>,
    /// Types, roles and users that have a parent, with the statement that says so.
    bounded: [rustc_hash::FxHashMap<u32, crate::ir::OriginId>; 3],
    /// How many statements were brought by calls, inheritances and `in`.
    brought: usize,
    /// How many permissions of class maps rules name.
    listed: usize,
    /// How many containers were looked into for names.
    steps: Cell<u64>,
    /// Where that was too much; [`scope::NONE`] if it was not.
    lost_at: Cell<tree::InstanceId>,
    /// Whether that was too much.
    is_overgrown: bool,
    /// Whether what is looked up decides the meaning of other names: arguments, aliases, commons.
    is_preparing: bool,
    /// Whether statements are only judged: nothing is added to the policy.
    dry: bool,
    faults: Faults,
    ir: Ir,
}
