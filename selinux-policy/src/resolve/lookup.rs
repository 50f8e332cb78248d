//! What a name means where it stands.

use super::Resolver;
use super::scope::{Declaration, DeclarationId, NONE, ROOT_SCOPE, ScopeId, Table};
use super::tree::{Instance, InstanceId};
use crate::diagnostic::{Diagnostic, Span, suggestion};
use crate::ir::{Origin, OriginId};
use crate::names::Symbol;
use crate::syntax::Word;

/// A statement where it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The container that it is in.
    pub(super) instance: InstanceId,
    /// Which it is.
    pub(super) statement: u32,
    /// Its file.
    pub(super) file: u32,
    /// Its list.
    pub(super) node: u32,
}

/// Why a statement cannot be resolved.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing has this name: an optional is switched off by it.
    Missing(Missing),
    /// Something is wrong that no optional excuses. It was told.
    Told,
}

/// A name that nothing has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub(super) at: At,
    /// The atom.
    pub(super) node: u32,
    pub(super) name: Symbol,
    /// What it should name.
    pub(super) wanted: &'static str,
    pub(super) table: Option<Table>,
    /// Of a permission, the class or class map that should have it; otherwise [`NONE`].
    pub(super) class: DeclarationId,
}

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument {
    pub(super) parameter: Symbol,
    /// The kind of its parameter.
    pub(super) kind: Word,
    /// Its node in the call.
    pub(super) node: u32,
    /// What it is, once it was looked up; of strings the symbol.
    pub(super) value: u32,
}

impl Argument {
    pub(super) fn is_string(&self) -> bool {
        matches!(self.kind, Word::String_ | Word::Name)
    }
}

impl Resolver<'_> {
    /// The statement of a container, where it stands.
    pub(super) fn at_instance(&self, instance: InstanceId) -> At {
        let Instance { parent, statement, .. } = self.instances[instance as usize];
        self.at(parent, statement)
    }

    /// A statement in a container.
    pub(super) fn at(&self, instance: InstanceId, statement: u32) -> At {
        let found = self.statements[statement as usize];
        At { instance, statement, file: found.file, node: found.node }
    }

    /// What an atom spells. Lists are atoms nowhere that this is asked, but then it is the first word of all.
    pub(super) fn atom(&self, file: u32, node: u32) -> Symbol {
        self.trees[file as usize].symbol(node).unwrap_or(Symbol::from_index(0))
    }

    /// What an atom of a statement names, aliases followed.
    pub(super) fn find(&mut self, at: At, table: Table, node: u32) -> Result<DeclarationId, Stop> {
        let found = self.find_alias(at, table, node)?;
        let declaration = &self.declarations[found as usize];
        if matches!(declaration.word, Word::Typealias | Word::Sensitivityalias | Word::Categoryalias)
            && declaration.target != NONE
        {
            return Ok(declaration.target);
        }
        Ok(found)
    }

    /// What an atom of a statement names; it may be an alias.
    pub(super) fn find_alias(&mut self, at: At, table: Table, node: u32) -> Result<DeclarationId, Stop> {
        let name = self.atom(at.file, node);
        self.find_name(at, table, node, name, NONE)
    }

    /// The same for a name, with one declaration that is looked past.
    pub(super) fn find_name(
        &mut self,
        at: At,
        table: Table,
        node: u32,
        name: Symbol,
        except: DeclarationId,
    ) -> Result<DeclarationId, Stop> {
        let is_plain = self.options.qualified_names || !self.ir.names.get(name).contains(&b'.');
        let found = if is_plain {
            self.lookup(at.instance, table, name, except)
        } else {
            self.lookup_path(at, table, name, except)
        };
        match found {
            Some(found) => {
                self.depend(at.instance, found);
                Ok(found)
            }
            None => Err(Stop::Missing(Missing {
                at,
                node,
                name,
                wanted: table.noun(),
                table: Some(table),
                class: NONE,
            })),
        }
    }

    /// Remembers that what is in an optional needs something that an optional declares.
    fn depend(&mut self, instance: InstanceId, found: DeclarationId) {
        if !self.dry {
            return;
        }
        let optional =
            if self.is_preparing { EVERYTHING } else { self.instances[instance as usize].optional };
        let declared_in = self.instances[self.declarations[found as usize].instance as usize].optional;
        if optional != NONE && declared_in != NONE && declared_in != optional {
            let dependents = self.dependents.entry(found).or_default();
            if dependents.last() != Some(&optional) {
                dependents.push(optional);
            }
        }
    }

    /// What a name without dots means in a container.
    pub(super) fn lookup(
        &self,
        instance: InstanceId,
        table: Table,
        name: Symbol,
        except: DeclarationId,
    ) -> Option<DeclarationId> {
        let start = self.instances[instance as usize].lookup;
        let query = Query { table, name, except };
        let around =
            if start == super::tree::ROOT { None } else { self.lookup_around(start, query, &mut Vec::new()) };
        around.or_else(|| self.get(ROOT_SCOPE, query))
    }

    /// The containers outwards: blocks, the parents of inherited blocks, arguments, the parents of macros; not the root,
    /// which comes last, so that what a caller declares comes before what is outside of all blocks.
    fn lookup_around(
        &self,
        start: InstanceId,
        query: Query,
        seen: &mut Vec<InstanceId>,
    ) -> Option<DeclarationId> {
        let mut at = start;
        loop {
            if !self.may_step(at) {
                return None;
            }
            let instance = &self.instances[at as usize];
            let found = match instance.word {
                Word::Block if instance.is_abstract => None,
                Word::Block | Word::Macro => self.get(instance.scope, query),
                Word::Blockinherit => {
                    // Two ways lead outwards from here, and from each further inheritance; none has to be gone twice.
                    if seen.contains(&at) {
                        return None;
                    }
                    seen.push(at);
                    let here = self.instances[instance.parent as usize].lookup;
                    return self.lookup_around(here, query, seen).or_else(|| {
                        self.lookup_around(self.around_declaration(instance.declaration)?, query, seen)
                    });
                }
                Word::Call => self.lookup_call(at, query, seen),
                _ => return None,
            };
            if found.is_some() {
                return found;
            }
            at = self.instances[instance.parent as usize].lookup;
        }
    }

    /// Counts a container that is looked into; whether it may be.
    fn may_step(&self, at: InstanceId) -> bool {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps == MAX_LOOKUP_STEPS {
            self.lost_at.set(at);
        }
        steps < MAX_LOOKUP_STEPS
    }

    /// What is wrong if names were looked up in too many containers, where nothing else counts any more.
    pub(super) fn lost(&self) -> Option<Diagnostic> {
        let at = self.lost_at.get();
        (at != NONE).then(|| {
            let message = "names in this policy are looked up too often: containers are nested too deep for that many statements";
            self.blame_growth(Diagnostic::error("too-large", message), at)
        })
    }

    fn lookup_call(
        &self,
        call: InstanceId,
        query: Query,
        seen: &mut Vec<InstanceId>,
    ) -> Option<DeclarationId> {
        let declaration = self.declarations.get(self.instances[call as usize].declaration as usize)?;
        if self.get(declaration.inner, Query { except: NONE, ..query }).is_some() {
            // The macro declares it, and so it is declared where the macro is called.
            return None;
        }
        self.argument(call, query).or_else(|| {
            self.lookup_around(
                self.around_declaration(self.instances[call as usize].declaration)?,
                query,
                seen,
            )
        })
    }

    /// Where names are looked up from that stand beside the declaration of a block or macro.
    fn around_declaration(&self, declaration: DeclarationId) -> Option<InstanceId> {
        let first = self.declarations.get(declaration as usize)?.target;
        let parent = self.instances.get(first as usize)?.parent;
        Some(self.instances[parent as usize].lookup)
    }

    fn argument(&self, call: InstanceId, query: Query) -> Option<DeclarationId> {
        let arguments = self.arguments_of(call)?;
        let found = arguments.iter().find(|argument| {
            argument.parameter == query.name
                && Table::of(argument.kind) == Some(query.table)
                && argument.value != NONE
        })?;
        (found.value != query.except).then_some(found.value)
    }

    /// The arguments of a call that was expanded.
    pub(super) fn arguments_of(&self, call: InstanceId) -> Option<&[Argument]> {
        let place = self.instances[call as usize].arguments;
        self.arguments.get(place as usize).map(Vec::as_slice)
    }

    fn get(&self, scope: ScopeId, query: Query) -> Option<DeclarationId> {
        self.scopes.get(scope, query.table, query.name).filter(|found| *found != query.except)
    }

    /// What a name with dots means: blocks from the first part on, and the last part in the innermost.
    fn lookup_path(
        &mut self,
        at: At,
        table: Table,
        name: Symbol,
        except: DeclarationId,
    ) -> Option<DeclarationId> {
        let path = self.ir.names.get(name).to_vec();
        let mut parts = path.split(|byte| *byte == b'.').filter(|part| !part.is_empty());
        // A part that is no name of anything leads nowhere.
        let mut part = self.ir.names.find(parts.next()?)?;
        let mut scope = if path.first() == Some(&b'.') {
            ROOT_SCOPE
        } else {
            let first = self.lookup(at.instance, Table::Containers, part, NONE)?;
            self.declarations[first as usize].scope
        };
        for next in parts {
            let container = self.scopes.get(scope, Table::Containers, part)?;
            scope = self.inside(container, table, at, scope)?;
            part = self.ir.names.find(next)?;
        }
        self.get(scope, Query { table, name: part, except })
    }

    /// The scope that a part of a path leads into.
    fn inside(&self, container: DeclarationId, table: Table, at: At, scope: ScopeId) -> Option<ScopeId> {
        let Declaration { word, inner, target, .. } = self.declarations[container as usize];
        let is_in = self.statements[at.statement as usize].word == Word::In;
        match word {
            // What an abstract block declares is nowhere, but its macros can be called and its blocks inherited.
            Word::Block if self.instances[target as usize].is_abstract && table != Table::Containers => None,
            Word::Block => Some(inner),
            // Only `in` may name what is in macros and optionals.
            Word::Macro if is_in => Some(inner),
            Word::Optional if is_in => Some(scope),
            _ => None,
        }
    }

    /// A string: as it is written, or the argument for it.
    pub(super) fn string(&self, at: At, node: u32) -> Symbol {
        let written = self.atom(at.file, node);
        let call = self.call_around(at.instance);
        let Some(arguments) = call.and_then(|call| self.arguments_of(call)) else { return written };
        let argument =
            arguments.iter().find(|argument| argument.is_string() && argument.parameter == written);
        argument.map_or(written, |argument| Symbol::from_index(argument.value))
    }

    /// The nearest call around a container, or itself.
    fn call_around(&self, instance: InstanceId) -> Option<InstanceId> {
        let mut at = self.instances[instance as usize].lookup;
        while at != super::tree::ROOT && self.may_step(at) {
            let instance = &self.instances[at as usize];
            if instance.word == Word::Call {
                return Some(at);
            }
            at = self.instances[instance.parent as usize].lookup;
        }
        None
    }

    /// The place of a statement in diagnostics of what comes later. There is none while statements are only judged.
    pub(super) fn origin(&mut self, at: At) -> OriginId {
        if self.dry {
            return OriginId(0);
        }
        let through = self.through(at.instance);
        self.add_origin(at, through)
    }

    fn add_origin(&mut self, at: At, through: Option<OriginId>) -> OriginId {
        let offset = self.trees[at.file as usize].offset(at.node);
        let id = u32::try_from(self.ir.origins.len()).unwrap_or(NONE);
        self.ir.origins.push(Origin { file: at.file, offset, through });
        OriginId(id)
    }

    /// The call, inheritance or `in` that brought what is in a container.
    fn through(&mut self, instance: InstanceId) -> Option<OriginId> {
        let mut outwards = Vec::new();
        let mut at = instance;
        let mut known = None;
        while at != NONE {
            let instance = &self.instances[at as usize];
            if instance.brings {
                if instance.origin.is_some() {
                    known = instance.origin;
                    break;
                }
                outwards.push(at);
            }
            at = instance.parent;
        }
        for instance in outwards.into_iter().rev() {
            let place = self.at_instance(instance);
            known = Some(self.add_origin(place, known));
            self.instances[instance as usize].origin = known;
        }
        known
    }

    /// The stretch of a statement.
    pub(super) fn statement_span(&self, statement: u32) -> Span {
        let Some(found) = self.statements.get(statement as usize) else {
            return Span { file: 0, start: 0, end: 0 };
        };
        self.node_span(found.file, found.node)
    }

    pub(super) fn node_span(&self, file: u32, node: u32) -> Span {
        self.trees[file as usize].span(node, file, &self.sources[file as usize], &self.ir.names)
    }

    /// An error about a statement, with what brought it.
    pub(super) fn diagnostic(
        &self,
        code: &'static str,
        message: impl Into<String>,
        instance: InstanceId,
        statement: u32,
    ) -> Diagnostic {
        let mut through = Vec::new();
        let mut at = instance;
        while let Some(found) = self.instances.get(at as usize) {
            if found.brings {
                through.push(self.statement_span(found.statement));
            }
            at = found.parent;
        }
        Diagnostic { through, ..Diagnostic::error(code, message).at(self.statement_span(statement)) }
    }

    /// An error about a node of a statement.
    pub(super) fn fault(
        &self,
        code: &'static str,
        message: impl Into<String>,
        at: At,
        node: u32,
    ) -> Diagnostic {
        self.diagnostic(code, message, at.instance, at.statement).at(self.node_span(at.file, node))
    }

    /// Tells of something that is wrong, and stops.
    pub(super) fn refuse(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        at: At,
        node: u32,
    ) -> Stop {
        let fault = self.fault(code, message, at, node);
        self.faults.push(fault);
        Stop::Told
    }

    /// Tells of a name that nothing has, and of what is near.
    pub(super) fn tell_missing(&mut self, missing: &Missing) {
        let name = self.ir.names.text(missing.name);
        let message = match self.declarations.get(missing.class as usize).and_then(|class| class.name) {
            Some(class) => format!("`{}` has no {} `{name}`", self.ir.names.text(class), missing.wanted),
            None => format!("there is no {} `{name}`", missing.wanted),
        };
        let mut fault = self.fault("unknown-name", message, missing.at, missing.node);
        if let Some(near) = self.near(missing) {
            fault = fault.help(format!("`{near}` is near"));
        }
        self.faults.push(fault);
    }

    fn near(&self, missing: &Missing) -> Option<String> {
        if self.faults.count() >= MAX_SUGGESTIONS {
            return None;
        }
        let (wrong, get) = (self.ir.names.get(missing.name), |name| self.ir.names.get(name));
        let near = match missing.table {
            Some(table) => suggestion(wrong, self.scopes.root_names(table).map(get)),
            None => suggestion(wrong, self.permission_names(missing.class).map(get)),
        }?;
        Some(String::from_utf8_lossy(near).into_owned())
    }
}

/// How many errors have a suggestion: each is looked for among all names.
const MAX_SUGGESTIONS: usize = 16;

/// How many containers may be looked into for all names together. Policies need one to ten for each name, and the largest
/// known ones have a few million.
const MAX_LOOKUP_STEPS: u64 = 150_000_000;

/// Stands for all optionals among those that depend on a declaration.
pub(super) const EVERYTHING: InstanceId = NONE - 1;

/// What is looked for.
#[derive(Clone, Copy)]
struct Query {
    table: Table,
    name: Symbol,
    /// What does not count as found.
    except: DeclarationId,
}
