//! Statements into the tree of containers: for the first time, and copies of what is there already.

use super::Resolver;
use super::scope::{Declaration, DeclarationId, NONE, ScopeKind, Table};
use super::tree::{Instance, InstanceId, Piece, ROOT, is_container};
use crate::diagnostic::Diagnostic;
use crate::names::Symbol;
use crate::syntax::Word;

/// How many containers may be in one another, calls and inheritances included.
const MAX_DEPTH: u32 = 4096;
/// How many statements calls, inheritances and `in` may bring. The largest known policies have 300,000 statements in all.
const MAX_BROUGHT: usize = 2_000_000;
/// How many containers there may be, for the same reason.
const MAX_INSTANCES: usize = 400_000;

/// What a copy is made for, which decides what may clash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Call,
    Inheritance,
    In,
    Tunable,
}

/// Something is wrong that was told already, or cannot go on.
#[derive(Debug)]
pub(super) struct Told;

impl Resolver<'_> {
    /// Puts all statements below the root, those of each file into a container of their own.
    pub(super) fn instantiate_files(&mut self, starts: &[u32]) {
        for file in starts.windows(2) {
            let (start, end) = (file[0], file[1]);
            let instance = self.add(Word::Marked, NONE, ROOT);
            self.instances[ROOT as usize].pieces.push(Piece::Inner(instance));
            self.instantiate(start, end, instance);
        }
    }

    /// Puts statements and all that is in them into a container.
    fn instantiate(&mut self, start: u32, end: u32, parent: InstanceId) {
        let mut open = vec![(start, end, parent)];
        while let Some((mut at, end, parent)) = open.pop() {
            while at < end {
                let statement = self.statements[at as usize];
                if !is_container(statement.word) {
                    self.instances[parent as usize].push(at);
                    self.declare_statement(at, parent);
                    at += 1;
                    continue;
                }
                let inner = self.container(at, statement.word, parent);
                open.push((statement.end, end, parent));
                open.push((at + 1, statement.end, inner));
                break;
            }
        }
    }

    /// Adds a container of a statement, with its name.
    fn container(&mut self, at: u32, word: Word, parent: InstanceId) -> InstanceId {
        let inner = self.add(word, at, parent);
        self.instances[parent as usize].pieces.push(Piece::Inner(inner));
        match word {
            Word::Block | Word::Macro | Word::Optional => {
                self.declare_container(inner);
            }
            Word::In => self.open_pending_scope(inner),
            Word::True | Word::False if self.instances[parent as usize].word == Word::Tunableif => {
                self.open_pending_scope(inner);
            }
            _ => {}
        }
        inner
    }

    /// Gives a container a scope of its own until what is in it is put elsewhere.
    fn open_pending_scope(&mut self, instance: InstanceId) {
        let scope = self.scopes.add(ScopeKind::Pending, NONE);
        self.instances[instance as usize].scope = scope;
    }

    /// Adds a container without anything in it, not yet as a piece of its parent.
    fn add(&mut self, word: Word, statement: u32, parent: InstanceId) -> InstanceId {
        let id = u32::try_from(self.instances.len()).unwrap_or(NONE);
        let around = &self.instances[parent as usize];
        let decides = matches!(word, Word::Block | Word::Blockinherit | Word::Macro | Word::Call);
        let instance = Instance {
            word,
            statement,
            parent,
            depth: around.depth + 1,
            lookup: if decides { id } else { around.lookup },
            scope: around.scope,
            optional: if word == Word::Optional { id } else { around.optional },
            declaration: NONE,
            brings: matches!(word, Word::Call | Word::Blockinherit),
            is_abstract: false,
            arguments: NONE,
            origin: None,
            pieces: Vec::new(),
        };
        self.instances.push(instance);
        id
    }

    /// Declares the name of a block, macro or optional, whose scope it has from then on.
    fn declare_container(&mut self, instance: InstanceId) {
        let Instance { word, statement, parent, .. } = self.instances[instance as usize];
        let declared = self.declare(statement, parent);
        let kind = match word {
            Word::Block => ScopeKind::Block,
            Word::Macro => ScopeKind::Macro,
            _ => ScopeKind::Root,
        };
        let declaration = declared.unwrap_or(NONE);
        self.instances[instance as usize].declaration = declaration;
        if kind != ScopeKind::Root {
            let scope = self.scopes.add(kind, declaration);
            self.instances[instance as usize].scope = scope;
            if let Some(declaration) = self.declarations.get_mut(declaration as usize) {
                declaration.inner = scope;
            }
        }
        if let Some(declaration) = self.declarations.get_mut(declaration as usize)
            && declaration.target == NONE
        {
            declaration.target = instance;
        }
    }

    /// Declares what a statement that is no container declares, if it does.
    fn declare_statement(&mut self, statement: u32, parent: InstanceId) {
        if Table::of(self.statements[statement as usize].word).is_some() {
            // A clash is told; the policy is refused in the end.
            _ = self.declare(statement, parent);
        }
    }

    /// Declares the name of a statement in the scope of a container.
    fn declare(&mut self, statement: u32, parent: InstanceId) -> Result<DeclarationId, Told> {
        let word = self.statements[statement as usize].word;
        let (Some(table), Some(name)) = (Table::of(word), self.declared_name(statement)) else {
            return Err(Told);
        };
        let scope = self.instances[parent as usize].scope;
        if let Some(known) = self.scopes.get(scope, table, name) {
            return self.declare_again(known, statement, parent);
        }
        let id = u32::try_from(self.declarations.len()).unwrap_or(NONE);
        self.declarations.push(Declaration {
            word,
            name: Some(name),
            scope,
            instance: parent,
            statement,
            count: 1,
            target: NONE,
            inner: NONE,
            id: NONE,
        });
        self.scopes.insert(scope, table, name, id);
        self.refuse_shadowed_parameter(statement, parent, name);
        Ok(id)
    }

    fn declare_again(
        &mut self,
        known: DeclarationId,
        statement: u32,
        parent: InstanceId,
    ) -> Result<DeclarationId, Told> {
        let word = self.statements[statement as usize].word;
        let first = &mut self.declarations[known as usize];
        let is_allowed = match word {
            Word::Optional => true,
            // Releases from 3.9 on take them again; those that are told apart are only before and after 3.6.
            Word::Policycap => self.options.modern,
            Word::Type | Word::Typeattribute | Word::Role => self.options.multiple_declarations,
            _ => false,
        };
        if is_allowed && first.word == word {
            first.count += 1;
            return Ok(known);
        }
        let (first, name) = (*first, self.declarations[known as usize].name);
        let name = name.map(|name| self.ir.names.text(name)).unwrap_or_default();
        let place = self.statement_span(first.statement);
        let fault = self.diagnostic("duplicate", format!("`{name}` is declared twice"), parent, statement);
        self.faults.push(fault.note(place, "it was declared here first"));
        Err(Told)
    }

    /// Refuses a declaration in a macro that hides a parameter of the same kind.
    fn refuse_shadowed_parameter(&mut self, statement: u32, parent: InstanceId, name: Symbol) {
        let scope = self.instances[parent as usize].scope;
        if self.scopes.kind(scope) != ScopeKind::Macro {
            return;
        }
        let Some(owner) = self.declarations.get(self.scopes.owner(scope) as usize) else { return };
        let word = self.statements[statement as usize].word;
        let shadows = self
            .parameters(owner.statement)
            .iter()
            .any(|(kind, parameter)| *parameter == name && *kind == word);
        if shadows {
            let message = format!("`{}` is a parameter of this macro already", self.ir.names.text(name));
            let fault = self.diagnostic("duplicate", message, parent, statement);
            self.faults.push(fault);
        }
    }

    /// Puts copies of all that is in one container behind all that is in another.
    pub(super) fn copy(&mut self, from: InstanceId, to: InstanceId, purpose: For) -> Result<(), Told> {
        let mut open = vec![(from, to)];
        while let Some((from, to)) = open.pop() {
            // What is copied into itself is what it was before.
            for piece in self.instances[from as usize].pieces.clone() {
                match piece {
                    Piece::Run(start, end) => self.copy_run(start, end, to, purpose)?,
                    Piece::Inner(inner) => {
                        if let Some(copy) = self.copy_container(inner, to, purpose)? {
                            open.push((inner, copy));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn copy_run(&mut self, start: u32, end: u32, to: InstanceId, purpose: For) -> Result<(), Told> {
        self.count_brought((end - start) as usize, to, purpose)?;
        self.instances[to as usize].push_run(start, end);
        for statement in start..end {
            self.declare_statement(statement, to);
        }
        Ok(())
    }

    /// A copy of a container without what is in it; `None` if there is to be none.
    fn copy_container(
        &mut self,
        from: InstanceId,
        to: InstanceId,
        purpose: For,
    ) -> Result<Option<InstanceId>, Told> {
        self.count_brought(1, to, purpose)?;
        let Instance { word, statement, declaration, brings, .. } = self.instances[from as usize];
        if word == Word::Blockabstract && purpose == For::Inheritance {
            // Who inherits from an abstract block is not abstract by that.
            return Ok(None);
        }
        let known = match word {
            Word::Block | Word::Macro => self.known_container(statement, to, purpose)?,
            _ => None,
        };
        if word == Word::Macro && known.is_some() {
            return Ok(None);
        }
        let copy = self.add(word, statement, to);
        self.instances[copy as usize].brings = brings;
        self.instances[to as usize].pieces.push(Piece::Inner(copy));
        match (word, known) {
            (Word::Block, Some(known)) => {
                self.instances[copy as usize].declaration = known;
                self.instances[copy as usize].scope = self.declarations[known as usize].inner;
            }
            (Word::Block | Word::Macro | Word::Optional, _) => self.declare_container(copy),
            (Word::True | Word::False, _) if self.instances[to as usize].word == Word::Tunableif => {
                self.open_pending_scope(copy);
            }
            (Word::Blockinherit, _) if declaration != NONE => {
                self.instances[copy as usize].declaration = declaration;
                self.inherited.entry(declaration).or_default().push(copy);
            }
            _ => {}
        }
        Ok(Some(copy))
    }

    /// The block or macro of the same name that is where a copy is to be. Only those who inherit may have one.
    fn known_container(
        &mut self,
        statement: u32,
        to: InstanceId,
        purpose: For,
    ) -> Result<Option<DeclarationId>, Told> {
        let Some(name) = self.declared_name(statement) else { return Ok(None) };
        let Some(known) = self.scopes.get(self.instances[to as usize].scope, Table::Containers, name) else {
            return Ok(None);
        };
        let first = self.declarations[known as usize];
        if purpose == For::Inheritance && first.word == self.statements[statement as usize].word {
            return Ok(Some(known));
        }
        _ = self.declare_again(known, statement, to);
        Err(Told)
    }

    /// Counts what expansion brings, and ends it where it gets out of hand.
    fn count_brought(&mut self, count: usize, to: InstanceId, purpose: For) -> Result<(), Told> {
        self.brought += count;
        let depth = self.instances[to as usize].depth;
        if self.brought <= MAX_BROUGHT && self.instances.len() < MAX_INSTANCES && depth < MAX_DEPTH {
            return Ok(());
        }
        let message = match purpose {
            _ if depth >= MAX_DEPTH => {
                format!("containers are nested more than {MAX_DEPTH} deep when expanded")
            }
            _ => format!(
                "the policy grows too large when expanded: more than {MAX_BROUGHT} statements or {MAX_INSTANCES} containers"
            ),
        };
        self.is_overgrown = true;
        let fault = self.blame_growth(Diagnostic::error("too-large", message), to);
        self.faults.push(fault);
        Err(Told)
    }

    /// Names what brings most of a policy that grew too large: the macro or block that the most instances are of.
    pub(super) fn blame_growth(&self, fault: Diagnostic, to: InstanceId) -> Diagnostic {
        let mut counts: rustc_hash::FxHashMap<u32, usize> = rustc_hash::FxHashMap::default();
        for instance in &self.instances {
            if instance.brings && instance.declaration != NONE {
                *counts.entry(instance.declaration).or_default() += 1;
            }
        }
        let mut counts: Vec<_> =
            counts.into_iter().map(|(declaration, count)| (count, declaration)).collect();
        counts.sort_unstable_by(|left, right| right.cmp(left));
        let Some((count, most)) = counts.first() else { return self.place(fault, to) };
        let declaration = self.declarations[*most as usize];
        let name = declaration.name.map(|name| self.ir.names.text(name)).unwrap_or_default();
        let note = format!("`{name}` is expanded most: {count} times so far");
        self.place(fault, to).note(self.statement_span(declaration.statement), note)
    }

    /// A diagnostic at the statement of a container and with what brought that.
    pub(super) fn place(&self, fault: Diagnostic, instance: InstanceId) -> Diagnostic {
        match self.instances[instance as usize].statement {
            NONE => fault,
            statement => {
                let parent = self.instances[instance as usize].parent;
                let place = self.diagnostic(fault.code, fault.message.clone(), parent, statement);
                Diagnostic { at: place.at, through: place.through, ..fault }
            }
        }
    }

    /// Takes away everything in a container, with the names that are declared there.
    pub(super) fn clear(&mut self, instance: InstanceId) -> Vec<DeclarationId> {
        let mut removed = Vec::new();
        let mut open = vec![instance];
        while let Some(instance) = open.pop() {
            for piece in std::mem::take(&mut self.instances[instance as usize].pieces) {
                match piece {
                    Piece::Run(start, end) => {
                        for statement in start..end {
                            self.undeclare(statement, instance, &mut removed);
                        }
                    }
                    Piece::Inner(inner) => {
                        let Instance { statement, word, .. } = self.instances[inner as usize];
                        // A block that was put together with one of its name is not where that is declared.
                        let declaration = self.instances[inner as usize].declaration;
                        let is_first = self
                            .declarations
                            .get(declaration as usize)
                            .is_some_and(|found| found.target == inner);
                        if is_first || word == Word::Optional {
                            self.undeclare(statement, instance, &mut removed);
                        }
                        open.push(inner);
                    }
                }
            }
        }
        removed
    }

    fn undeclare(&mut self, statement: u32, parent: InstanceId, removed: &mut Vec<DeclarationId>) {
        let scope = self.instances[parent as usize].scope;
        let table = Table::of(self.statements[statement as usize].word);
        let (Some(table), Some(name)) = (table, self.declared_name(statement)) else { return };
        let Some(known) = self.scopes.get(scope, table, name) else { return };
        let declaration = &mut self.declarations[known as usize];
        declaration.count -= 1;
        if declaration.count == 0 {
            self.scopes.remove(scope, table, name);
            removed.push(known);
        }
    }

    /// The name that a statement declares.
    pub(super) fn declared_name(&self, statement: u32) -> Option<Symbol> {
        let statement = self.statements.get(statement as usize)?;
        let tree = &self.trees[statement.file as usize];
        tree.symbol(tree.children(statement.node).nth(1)?)
    }

    /// The parameters of a macro's statement: kind and name.
    pub(super) fn parameters(&self, statement: u32) -> Vec<(Word, Symbol)> {
        let Some(statement) = self.statements.get(statement as usize) else { return Vec::new() };
        let tree = &self.trees[statement.file as usize];
        let Some(list) = tree.children(statement.node).nth(2) else { return Vec::new() };
        let parameters = tree.children(list).filter_map(|parameter| {
            let [kind, name] = tree.parts(parameter);
            Some((Word::of(tree.symbol(kind)?)?, tree.symbol(name)?))
        });
        parameters.collect()
    }
}
