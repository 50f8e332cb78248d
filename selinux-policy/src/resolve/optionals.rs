//! Which optionals are switched off: those in which a name is missing, and so on with the names that go with them.
//!
//! The reference compiler resolves everything again from the start whenever optionals with declarations go. The outcome is
//! the same when only what needs one of those declarations is judged again: fewer declarations never make a name known.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Resolver;
use super::lookup::{EVERYTHING, Missing, Stop};
use super::scope::{DeclarationId, NONE};
use super::tree::{Instance, InstanceId, Piece, ROOT, Step, Walk};
use crate::ir::DisabledOptional;
use crate::syntax::{Nesting, Word, forbidden};

/// How many statements may be judged, all times counted on which each is. Policies need two or three times.
const MAX_JUDGED: usize = 15_000_000;

/// An optional in which a name is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken {
    pub(super) optional: InstanceId,
    pub(super) missing: Missing,
}

impl Resolver<'_> {
    /// Everything from the tree of containers to the lists.
    pub(super) fn run(&mut self) {
        self.expand();
        if !self.faults.has_errors() {
            self.check_nesting();
        }
        if !self.faults.has_errors() {
            self.judge();
        }
        if !self.faults.has_errors() {
            self.dry = false;
            self.emit();
        }
    }

    /// Switches off all optionals in which something is missing.
    fn judge(&mut self) {
        while self.judged < MAX_JUDGED {
            self.judged += self.statements.len();
            self.dependents.clear();
            self.is_preparing = true;
            let is_complete = self.prepare();
            self.is_preparing = false;
            if self.faults.has_errors() {
                return;
            }
            if is_complete && !self.judge_all() {
                return;
            }
        }
        let message = format!(
            "optionals of this policy undo each other too often: over {MAX_JUDGED} statements were judged, and this one is \
             the last that was switched off"
        );
        let fault = match self.disabled.last().map(|broken| self.at_instance(broken.optional)) {
            Some(last) => self.fault("too-large", message, last, last.node),
            None => crate::diagnostic::Diagnostic::error("too-large", message),
        };
        self.faults.push(fault.help("declare outside of optionals what other optionals name"));
    }

    /// Judges all optionals; returns whether it has to be done again, because the meaning of names changed.
    fn judge_all(&mut self) -> bool {
        let (order, statements) = self.statements_by_optional();
        let mut queue: VecDeque<InstanceId> = order.into();
        let mut queued: FxHashSet<InstanceId> = queue.iter().copied().collect();
        while let Some(optional) = queue.pop_front() {
            queued.remove(&optional);
            let Some(steps) = statements.get(&optional) else { continue };
            if self.judged >= MAX_JUDGED {
                return true;
            }
            if self.is_alive(optional) {
                self.judge_one(steps);
            }
            // One that is judged later may have needed what this one declares, and was found to lack it already.
            let is_settled = queue.is_empty();
            if !is_settled {
                continue;
            }
            let removed = self.remove_broken();
            for declaration in removed {
                for dependent in self.dependents.remove(&declaration).unwrap_or_default() {
                    if dependent == EVERYTHING {
                        return true;
                    }
                    if queued.insert(dependent) {
                        queue.push_back(dependent);
                    }
                }
            }
            if self.needs_restart {
                return true;
            }
        }
        false
    }

    /// Judges what stands directly in an optional. Also behind the first missing name, since what is wrong in other ways
    /// is wrong in an optional that is switched off, too.
    fn judge_one(&mut self, steps: &[Step]) {
        let mut first = None;
        for step in steps {
            match *step {
                Step::Inner(instance) => {
                    let judged = self.conditional(instance);
                    keep_first(&mut first, judged);
                }
                Step::Run(instance, start, end) => {
                    self.judged += (end - start) as usize;
                    for statement in start..end {
                        let judged = self.resolve_statement(self.at(instance, statement));
                        keep_first(&mut first, judged);
                    }
                }
            }
        }
        if let Some(missing) = first {
            self.miss(missing);
        }
    }

    /// What stands directly in each optional, and the optionals in their order.
    fn statements_by_optional(&self) -> (Vec<InstanceId>, FxHashMap<InstanceId, Vec<Step>>) {
        let mut order = Vec::new();
        let mut statements: FxHashMap<InstanceId, Vec<Step>> = FxHashMap::default();
        self.each_live(|step| {
            let (Step::Inner(instance) | Step::Run(instance, ..)) = step;
            let optional = self.instances[instance as usize].optional;
            if optional != NONE {
                statements
                    .entry(optional)
                    .or_insert_with(|| {
                        order.push(optional);
                        Vec::new()
                    })
                    .push(step);
            }
        });
        (order, statements)
    }

    /// Everything that counts, in order: stretches of statements, and conditionals, which are gone into by themselves.
    pub(super) fn each_live(&self, mut act: impl FnMut(Step)) {
        let mut walk = Walk::new(ROOT);
        while let Some(step) = walk.step(&self.instances) {
            let Step::Inner(instance) = step else {
                act(step);
                continue;
            };
            let Instance { word, is_abstract, .. } = self.instances[instance as usize];
            match word {
                Word::Macro => walk.skip(),
                _ if is_abstract => walk.skip(),
                Word::Booleanif => {
                    walk.skip();
                    act(step);
                }
                _ => {}
            }
        }
    }

    fn is_alive(&self, mut optional: InstanceId) -> bool {
        while let Some(instance) = self.instances.get(optional as usize) {
            if self.gone.contains(&optional) {
                return false;
            }
            optional = self.instances.get(instance.parent as usize).map_or(NONE, |parent| parent.optional);
        }
        true
    }

    /// Takes away what is in broken optionals, and returns the declarations that went with it.
    pub(super) fn remove_broken(&mut self) -> Vec<DeclarationId> {
        let mut removed = Vec::new();
        for Broken { optional, missing } in std::mem::take(&mut self.broken) {
            if !self.is_alive(optional) {
                continue;
            }
            self.needs_restart |= self.decides_names(optional);
            removed.append(&mut self.clear(optional));
            self.gone.insert(optional);
            self.disabled.push(Broken { optional, missing });
        }
        removed
    }

    /// Whether something in an optional decides what names elsewhere mean.
    fn decides_names(&self, optional: InstanceId) -> bool {
        let mut open = vec![optional];
        while let Some(instance) = open.pop() {
            for piece in &self.instances[instance as usize].pieces {
                match *piece {
                    Piece::Inner(inner) => open.push(inner),
                    Piece::Run(start, end) => {
                        let statements = &self.statements[start as usize..end as usize];
                        if statements.iter().any(|statement| super::emit::is_preparing(statement.word)) {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }

    /// Adds the optionals that are switched off to the policy.
    pub(super) fn emit_disabled(&mut self) {
        let mut disabled = std::mem::take(&mut self.disabled);
        disabled.sort_unstable_by_key(|broken| broken.optional);
        for Broken { optional, missing } in disabled {
            let place = self.at_instance(optional);
            let origin = self.origin(place);
            let at = self.origin(missing.at);
            let declaration = self.instances[optional as usize].declaration;
            let name = self.qualified(declaration);
            let (missing, wanted) = (missing.name, missing.wanted);
            self.ir.disabled.push(DisabledOptional { name, origin, missing, wanted, at });
        }
    }

    /// Refuses what expansion put where it may not stand.
    fn check_nesting(&mut self) {
        let mut found = Vec::new();
        let mut nestings: FxHashMap<InstanceId, Nesting> = FxHashMap::default();
        let mut walk = Walk::new(ROOT);
        while let Some(step) = walk.step(&self.instances) {
            match step {
                Step::Run(instance, start, end) => {
                    let nesting = nestings.get(&instance).copied().unwrap_or_default();
                    if !nesting.booleanif && !nesting.block {
                        continue;
                    }
                    let statements = start..end;
                    found.extend(statements.filter_map(|statement| {
                        let word = self.statements[statement as usize].word;
                        Some((instance, statement, self.misplaced(word, nesting)?))
                    }));
                }
                Step::Inner(instance) => {
                    let Instance { word, statement, parent, .. } = self.instances[instance as usize];
                    let around = nestings.get(&parent).copied().unwrap_or_default();
                    if statement != NONE
                        && let Some(container) = self.misplaced(word, around)
                    {
                        found.push((parent, statement, container));
                    }
                    // Files and stretches without nesting need no entry.
                    let nesting = around.inside(word, false);
                    if nesting != Nesting::default() {
                        nestings.insert(instance, nesting);
                    }
                }
            }
        }
        for (instance, statement, container) in found {
            let word = self.statements[statement as usize].word.text();
            let message = format!("`{word}` may not stand in {container}, where it was brought");
            let fault = self.diagnostic("nesting", message, instance, statement);
            self.faults.push(fault);
        }
    }

    fn misplaced(&self, word: Word, nesting: Nesting) -> Option<&'static str> {
        if nesting.block && matches!(word, Word::Category | Word::Sensitivity) {
            return Some("block");
        }
        let expanded = Nesting { in_statement: false, in_after: false, tunableif: false, ..nesting };
        forbidden(word, expanded, self.options.conditional_xperms)
    }
}

fn keep_first(first: &mut Option<Missing>, judged: Result<(), Stop>) {
    if let (None, Err(Stop::Missing(missing))) = (&*first, judged) {
        *first = Some(missing);
    }
}
