//! Tunables, `in`, inheritance and calls, in the order in which the language applies them.

use super::Resolver;
use super::instantiate::For;
use super::lookup::{Argument, At, Missing, Stop};
use super::scope::{Declaration, DeclarationId, NONE, Table};
use super::sets::Postfix;
use super::tree::{Instance, InstanceId, Piece, ROOT, Walk};
use crate::diagnostic::Diagnostic;
use crate::syntax::Word;

/// How many inheritances may follow from each that is written, and how many always may.
const INHERITANCE_GROWTH: usize = 10;
const INHERITANCE_MINIMUM: usize = 1024;
/// How often `in` statements may be tried whose container comes by others. Policies need one or two times for each.
const MAX_ATTEMPTS: usize = 1_000_000;

/// A step of a condition over tunables in postfix order.
enum TunableStep {
    Value(bool),
    Operator(Word),
}

impl Postfix for TunableStep {
    fn operator(word: Word) -> Option<Self> {
        Some(Self::Operator(word))
    }
}

impl Resolver<'_> {
    /// Expands everything. What comes first cannot see what comes later: macros, for one, cannot declare blocks.
    pub(super) fn expand(&mut self) {
        self.each(&[Word::Tunableif], true, Self::tunable);
        self.insertions(false);
        self.each(&[Word::Blockinherit], true, Self::link_inheritance);
        if self.faults.has_errors() || !self.inheritances_end() {
            return;
        }
        self.copy_inherited();
        self.abstract_blocks();
        self.insertions(true);
        if !self.faults.has_errors() {
            self.each(&[Word::Call], false, Self::call);
        }
    }

    /// Does something for every container of some kinds, macros and abstract blocks included or not. Where a name is
    /// missing, the optional around goes afterwards.
    fn each(
        &mut self,
        words: &[Word],
        with_templates: bool,
        mut act: impl FnMut(&mut Self, InstanceId) -> Result<(), Stop>,
    ) {
        let mut walk = Walk::new(ROOT);
        while let Some(instance) = walk.next(&self.instances) {
            let Instance { word, is_abstract, .. } = self.instances[instance as usize];
            if !with_templates && (word == Word::Macro || is_abstract) {
                walk.skip();
            } else if words.contains(&word) {
                match act(self, instance) {
                    Err(Stop::Missing(missing)) => self.miss(missing),
                    Ok(()) | Err(Stop::Told) => {}
                }
                if self.is_overgrown {
                    break;
                }
            }
        }
        self.remove_broken();
    }

    fn tunable(&mut self, instance: InstanceId) -> Result<(), Stop> {
        let at = self.at_instance(instance);
        let [_, condition] = self.trees[at.file as usize].parts(at.node);
        let holds = self.tunable_condition(at, condition)?;
        let wanted = if holds { Word::True } else { Word::False };
        let branches = self.instances[instance as usize].pieces.clone();
        let branch = branches.iter().find_map(|piece| match piece {
            Piece::Inner(branch) if self.instances[*branch as usize].word == wanted => Some(*branch),
            _ => None,
        });
        let parent = self.instances[instance as usize].parent;
        let copied = branch.map_or(Ok(()), |branch| self.copy(branch, parent, For::Tunable));
        self.instances[instance as usize].pieces.clear();
        copied.map_err(|_| Stop::Told)
    }

    /// The value of a condition over tunables. Conditions may be as deep as the parser lets them, so that they are not gone
    /// into by recursion.
    fn tunable_condition(&mut self, at: At, node: u32) -> Result<bool, Stop> {
        let mut steps = Vec::new();
        self.expression(at, node, &mut steps, Self::tunable_operand, Self::no_range)?;
        let mut values: Vec<bool> = Vec::new();
        for step in steps {
            let value = match step {
                TunableStep::Value(value) => value,
                TunableStep::Operator(operator) => {
                    let mut pop = || values.pop().unwrap_or_default();
                    match operator {
                        Word::Not => !pop(),
                        Word::And => pop() & pop(),
                        Word::Eq => pop() == pop(),
                        Word::Xor | Word::Neq => pop() != pop(),
                        _ => pop() | pop(),
                    }
                }
            };
            values.push(value);
        }
        Ok(values.pop().unwrap_or_default())
    }

    fn tunable_operand(&mut self, at: At, node: u32, out: &mut Vec<TunableStep>) -> Result<(), Stop> {
        let tunable = self.find(at, Table::Tunables, node)?;
        out.push(TunableStep::Value(self.tunable_value(tunable)));
        Ok(())
    }

    fn tunable_value(&self, tunable: DeclarationId) -> bool {
        let found = self.statements[self.declarations[tunable as usize].statement as usize];
        let tree = &self.trees[found.file as usize];
        let [_, _, value] = tree.parts(found.node);
        tree.symbol(value).is_some_and(|value| Word::True.is(value))
    }

    /// Applies all `in` before or after inheritance: the last first, and those whose container is not there yet again.
    fn insertions(&mut self, is_after: bool) {
        let mut pending = Vec::new();
        let mut walk = Walk::new(ROOT);
        while let Some(instance) = walk.next(&self.instances) {
            let Instance { word, brings, .. } = self.instances[instance as usize];
            if word == Word::In && !brings && self.is_after(instance) == is_after {
                pending.push(instance);
            }
        }
        pending.reverse();
        let mut attempts = 0;
        loop {
            let before = pending.len();
            attempts += before;
            if attempts > MAX_ATTEMPTS {
                let message = format!(
                    "{before} `in` wait for each other's containers, and were tried over {MAX_ATTEMPTS} times together"
                );
                let fault = pending
                    .first()
                    .map(|waiting| self.place(Diagnostic::error("too-large", message), *waiting));
                self.faults.push(
                    fault.expect("something waits").help("write those first that others wait for last"),
                );
                break;
            }
            let mut missing = None;
            pending.retain(|instance| match self.insert(*instance) {
                Err(Stop::Missing(name)) => {
                    missing = Some(name);
                    true
                }
                Ok(()) | Err(Stop::Told) => false,
            });
            match missing {
                None => break,
                Some(name) if pending.len() == before => {
                    self.tell_missing(&name);
                    break;
                }
                Some(_) => {}
            }
        }
    }

    fn is_after(&self, instance: InstanceId) -> bool {
        let At { file, node, .. } = self.at_instance(instance);
        let tree = &self.trees[file as usize];
        let [_, when, container] = tree.parts(node);
        !tree.is_list(container) && tree.symbol(when).is_some_and(|when| Word::After.is(when))
    }

    fn insert(&mut self, instance: InstanceId) -> Result<(), Stop> {
        let at = self.at_instance(instance);
        let tree = &self.trees[at.file as usize];
        let [_, first, second] = tree.parts(at.node);
        let node = if tree.is_list(second) { first } else { second };
        let found = self.find(at, Table::Containers, node)?;
        let Declaration { word, target, count, .. } = self.declarations[found as usize];
        if word == Word::Optional && count > 1 {
            return Err(self.refuse("in", "there are several optionals of this name", at, node));
        }
        let spliced = self.splice(instance, target);
        let copied = self.copy(instance, spliced, For::In);
        self.instances[instance as usize].pieces.clear();
        copied.map_err(|_| Stop::Told)
    }

    /// A stretch at the end of a container for what an `in` statement puts there.
    fn splice(&mut self, from: InstanceId, into: InstanceId) -> InstanceId {
        let spliced = u32::try_from(self.instances.len()).unwrap_or(NONE);
        let around = &self.instances[into as usize];
        let instance = Instance {
            word: Word::Marked,
            statement: self.instances[from as usize].statement,
            parent: into,
            depth: around.depth + 1,
            brings: true,
            origin: None,
            pieces: Vec::new(),
            declaration: NONE,
            ..around.clone()
        };
        self.instances.push(instance);
        self.instances[into as usize].pieces.push(Piece::Inner(spliced));
        spliced
    }

    fn link_inheritance(&mut self, instance: InstanceId) -> Result<(), Stop> {
        let at = self.at_instance(instance);
        let [_, node] = self.trees[at.file as usize].parts(at.node);
        let found = self.find(at, Table::Containers, node)?;
        if self.declarations[found as usize].word != Word::Block {
            return Err(self.refuse("kind", "this is no block", at, node));
        }
        self.instances[instance as usize].declaration = found;
        self.inherited.entry(found).or_default().push(instance);
        Ok(())
    }

    /// Refuses blocks that inherit from themselves, and inheritance that multiplies without bound.
    fn inheritances_end(&mut self) -> bool {
        let mut walk = Walk::new(ROOT);
        let mut written = 0_usize;
        while let Some(instance) = walk.next(&self.instances) {
            written += usize::from(self.instances[instance as usize].word == Word::Blockinherit);
        }
        let limit = written.saturating_mul(INHERITANCE_GROWTH).max(INHERITANCE_MINIMUM);
        let mut count = 0;
        // Each inheritance leads into the block that it brings, until a block comes that it is in already.
        let mut open: Vec<(InstanceId, Walk)> = vec![(NONE, Walk::new(ROOT))];
        while let Some((_, walk)) = open.last_mut() {
            let Some(instance) = walk.next(&self.instances) else {
                open.pop();
                continue;
            };
            let Instance { word, declaration, .. } = self.instances[instance as usize];
            let (Word::Blockinherit, Some(block)) = (word, self.declarations.get(declaration as usize))
            else {
                continue;
            };
            count += 1;
            let block = block.target;
            let problem = if count > limit {
                Some("the inheritances of this policy multiply too much")
            } else if open.iter().any(|(above, _)| *above == block) {
                Some("this block would inherit from itself")
            } else {
                None
            };
            if let Some(problem) = problem {
                let at = self.at_instance(instance);
                self.refuse("inheritance", problem, at, at.node);
                return false;
            }
            open.push((block, Walk::new(block)));
        }
        true
    }

    /// Copies each block that is inherited to where it is. Blocks are gone through from the outside to the inside, so that
    /// what a block inherits itself is there or not by the same order as in the reference compiler.
    fn copy_inherited(&mut self) {
        let mut walk = Walk::new(ROOT);
        while let Some(instance) = walk.next(&self.instances) {
            let Instance { word, declaration, .. } = self.instances[instance as usize];
            let is_first =
                self.declarations.get(declaration as usize).is_some_and(|block| block.target == instance);
            if word != Word::Block || !is_first {
                continue;
            }
            let mut place = 0;
            // Copies may hold further inheritances of the same block.
            while let Some(heir) =
                self.inherited.get(&declaration).and_then(|heirs| heirs.get(place).copied())
            {
                place += 1;
                if self.copy(instance, heir, For::Inheritance).is_err() {
                    return;
                }
            }
        }
    }

    fn abstract_blocks(&mut self) {
        let mut blocks = Vec::new();
        self.each(&[Word::Blockabstract], true, |resolver, instance| {
            let at = resolver.at_instance(instance);
            let [_, node] = resolver.trees[at.file as usize].parts(at.node);
            let found = resolver.find(at, Table::Containers, node)?;
            let Declaration { word, target, .. } = resolver.declarations[found as usize];
            if word != Word::Block {
                return Err(resolver.refuse("kind", "this is no block", at, node));
            }
            blocks.push(target);
            Ok(())
        });
        while let Some(block) = blocks.pop() {
            self.instances[block as usize].is_abstract = true;
            let inner = self.instances[block as usize].pieces.iter();
            blocks.extend(inner.filter_map(|piece| match piece {
                Piece::Inner(inner) if self.instances[*inner as usize].word == Word::Block => Some(*inner),
                _ => None,
            }));
        }
        // Blocks that are in one another are marked twice at most: each has one parent.
    }

    fn call(&mut self, instance: InstanceId) -> Result<(), Stop> {
        let at = self.at_instance(instance);
        let [_, node] = self.trees[at.file as usize].parts(at.node);
        let found = self.find(at, Table::Containers, node)?;
        let Declaration { word, target, statement, .. } = self.declarations[found as usize];
        if word != Word::Macro {
            return Err(self.refuse("kind", "this is no macro", at, node));
        }
        self.instances[instance as usize].declaration = found;
        let arguments = self.call_arguments(at, statement)?;
        if self.is_recursive(instance, found) {
            let fault = self.fault("recursion", "this macro calls itself", at, node);
            let place = self.statement_span(statement);
            self.faults.push(fault.note(place, "it is declared here"));
            return Err(Stop::Told);
        }
        self.add_arguments(instance, arguments);
        self.copy(target, instance, For::Call).map_err(|_| Stop::Told)
    }

    fn is_recursive(&self, call: InstanceId, called: DeclarationId) -> bool {
        let mut at = self.instances[call as usize].parent;
        while let Some(instance) = self.instances.get(at as usize) {
            if instance.word == Word::Call && instance.declaration == called {
                return true;
            }
            at = instance.parent;
        }
        false
    }

    fn add_arguments(&mut self, call: InstanceId, arguments: Vec<Argument>) {
        self.instances[call as usize].arguments = u32::try_from(self.arguments.len()).unwrap_or(NONE);
        self.arguments.push(arguments);
    }

    /// The arguments of a call by the parameters of its macro, not yet looked up.
    fn call_arguments(&mut self, at: At, macro_statement: u32) -> Result<Vec<Argument>, Stop> {
        let parameters = self.parameters(macro_statement);
        let tree = &self.trees[at.file as usize];
        let list = tree.children(at.node).nth(2);
        let given: Vec<_> = list.map(|list| tree.children(list).collect()).unwrap_or_default();
        // An empty list where the macro has no parameters is refused by the reference compiler too.
        if given.len() != parameters.len() || (parameters.is_empty() && list.is_some()) {
            let message =
                format!("this macro has {} parameters, here are {} arguments", parameters.len(), given.len());
            let fault = self.fault("arguments", message, at, list.unwrap_or(at.node));
            let place = self.statement_span(macro_statement);
            self.faults.push(fault.note(place, "it is declared here"));
            return Err(Stop::Told);
        }
        let mut arguments = Vec::with_capacity(given.len());
        for ((kind, parameter), node) in parameters.into_iter().zip(given) {
            self.check_argument(at, kind, node)?;
            arguments.push(Argument { parameter, kind, node, value: NONE });
        }
        Ok(arguments)
    }

    fn check_argument(&mut self, at: At, kind: Word, node: u32) -> Result<(), Stop> {
        let tree = &self.trees[at.file as usize];
        let may_be_list =
            matches!(kind, Word::Categoryset | Word::Level | Word::Levelrange | Word::Classpermission);
        if tree.is_list(node) && (!may_be_list || tree.is_empty(node)) {
            return Err(self.refuse(
                "arguments",
                format!("the argument for a parameter of kind {} is a name", kind.text()),
                at,
                node,
            ));
        }
        let fault = tree.is_list(node).then(|| {
            crate::syntax::argument_fault(
                tree,
                at.file,
                &self.sources[at.file as usize],
                &self.ir.names,
                kind,
                node,
            )
        });
        match fault.flatten() {
            None => Ok(()),
            Some(fault) => {
                let place = self.diagnostic(fault.code, fault.message.clone(), at.instance, at.statement);
                self.faults.push(Diagnostic { through: place.through, ..fault });
                Err(Stop::Told)
            }
        }
    }

    /// Looks up what the arguments of all calls are: those of outer calls first.
    pub(super) fn resolve_arguments(&mut self) {
        self.each(&[Word::Call], false, |resolver, call| {
            let Some(count) = resolver.arguments_of(call).map(<[Argument]>::len) else { return Ok(()) };
            for place in 0..count {
                let Some(argument) =
                    resolver.arguments_of(call).and_then(|arguments| arguments.get(place).copied())
                else {
                    break;
                };
                let value = resolver.argument_value(call, argument)?;
                resolver.set_argument(call, place, value);
            }
            Ok(())
        });
    }

    fn set_argument(&mut self, call: InstanceId, place: usize, value: u32) {
        let arguments = self.instances[call as usize].arguments;
        if let Some(argument) =
            self.arguments.get_mut(arguments as usize).and_then(|found| found.get_mut(place))
        {
            argument.value = value;
        }
    }

    fn argument_value(&mut self, call: InstanceId, argument: Argument) -> Result<u32, Stop> {
        let at = self.at_instance(call);
        if argument.is_string() {
            return Ok(self.string(at, argument.node).as_u32());
        }
        let Some(table) = Table::of(argument.kind) else { return Ok(NONE) };
        let is_list = self.trees[at.file as usize].is_list(argument.node);
        let is_address = argument.kind == Word::Ipaddr && self.is_address(at, argument.node);
        if is_list || is_address {
            // Looked up again after an optional went, it is the same.
            return Ok(if argument.value == NONE { self.anonymous(call, argument) } else { argument.value });
        }
        let name = self.atom(at.file, argument.node);
        let found = self.find(at, table, argument.node)?;
        let named = self.find_name(at, table, argument.node, name, NONE)?;
        if !self.is_in(self.declarations[named as usize].instance, call) {
            return Ok(found);
        }
        // What the call itself declares is not what its argument means.
        let other = self.find_name(at, table, argument.node, name, named)?;
        let declaration = &self.declarations[other as usize];
        let is_alias =
            matches!(declaration.word, Word::Typealias | Word::Sensitivityalias | Word::Categoryalias);
        Ok(if is_alias && declaration.target != NONE { declaration.target } else { other })
    }

    fn is_address(&self, at: At, node: u32) -> bool {
        let name = self.ir.names.get(self.atom(at.file, node));
        name.iter().any(|byte| matches!(byte, b'.' | b':'))
    }

    fn is_in(&self, mut inner: InstanceId, outer: InstanceId) -> bool {
        while let Some(instance) = self.instances.get(inner as usize) {
            if inner == outer {
                return true;
            }
            inner = instance.parent;
        }
        false
    }

    /// A declaration without a name, for an argument that is written out.
    fn anonymous(&mut self, call: InstanceId, argument: Argument) -> DeclarationId {
        let id = u32::try_from(self.declarations.len()).unwrap_or(NONE);
        self.declarations.push(Declaration {
            word: argument.kind,
            name: None,
            scope: NONE,
            instance: call,
            statement: self.instances[call as usize].statement,
            count: 1,
            target: argument.node,
            inner: NONE,
            id: NONE,
        });
        id
    }

    /// What is missing is told, unless it is in an optional: that is switched off.
    pub(super) fn miss(&mut self, missing: Missing) {
        match self.instances[missing.at.instance as usize].optional {
            NONE => self.tell_missing(&missing),
            optional => self.broken.push(super::optionals::Broken { optional, missing }),
        }
    }
}
