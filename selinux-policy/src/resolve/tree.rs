//! The expanded policy as a tree of containers. Statements are not copied: containers hold stretches of them, and what the
//! same stretch means in another container follows from where the container is.

use super::scope::{NONE, ScopeId};
use crate::ir::OriginId;
use crate::syntax::Word;

pub(super) type InstanceId = u32;

/// The container around everything.
pub(super) const ROOT: InstanceId = 0;

/// What a container holds, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Statements from one to another that are no containers.
    Run(u32, u32),
    /// A container.
    Inner(InstanceId),
}

/// A container: a statement with statements in it, or one that brings statements.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    /// What it is; `Marked` for files and other stretches without meaning of their own.
    pub(super) word: Word,
    /// Its statement; [`NONE`] for files and the root.
    pub(super) statement: u32,
    /// What it is in.
    pub(super) parent: InstanceId,
    /// How many containers it is in.
    pub(super) depth: u32,
    /// The nearest container that decides what names mean: itself or one around it.
    pub(super) lookup: InstanceId,
    /// Where names in it are declared.
    pub(super) scope: ScopeId,
    /// The nearest optional: itself or one around it; [`NONE`] if there is none.
    pub(super) optional: InstanceId,
    /// Of blocks, macros and optionals, their declaration; of calls and inheritances, what they bring.
    pub(super) declaration: u32,
    /// Whether what is in it comes from elsewhere by its statement: of calls, inheritances, and what `in` put there.
    pub(super) brings: bool,
    /// Whether nothing in it counts: abstract blocks.
    pub(super) is_abstract: bool,
    /// Of expanded calls, their arguments.
    pub(super) arguments: u32,
    /// Its place in diagnostics, once it was needed.
    pub(super) origin: Option<OriginId>,
    /// What it holds.
    pub(super) pieces: Vec<Piece>,
}

impl Instance {
    /// The container around everything.
    pub(super) fn root() -> Self {
        Self {
            word: Word::Marked,
            statement: NONE,
            parent: NONE,
            depth: 0,
            lookup: ROOT,
            scope: super::scope::ROOT_SCOPE,
            optional: NONE,
            declaration: NONE,
            brings: false,
            is_abstract: false,
            arguments: NONE,
            origin: None,
            pieces: Vec::new(),
        }
    }

    /// Adds a statement that is no container.
    pub(super) fn push(&mut self, statement: u32) {
        self.push_run(statement, statement + 1);
    }

    /// Adds a stretch of statements.
    pub(super) fn push_run(&mut self, start: u32, end: u32) {
        match self.pieces.last_mut() {
            Some(Piece::Run(_, last)) if *last == start => *last = end,
            _ => self.pieces.push(Piece::Run(start, end)),
        }
    }
}

/// Whether a statement is a container or makes one.
pub(super) fn is_container(word: Word) -> bool {
    matches!(
        word,
        Word::Block
            | Word::Blockabstract
            | Word::Blockinherit
            | Word::Booleanif
            | Word::Call
            | Word::False
            | Word::In
            | Word::Macro
            | Word::Marked
            | Word::Optional
            | Word::True
            | Word::Tunableif
    )
}

/// A walk over all containers, each before what is in it. Containers may grow at their end meanwhile, which is walked too.
#[derive(Debug)]
pub(super) struct Walk {
    open: Vec<(InstanceId, usize)>,
}

impl Walk {
    /// A walk over what is in a container.
    pub(super) fn new(from: InstanceId) -> Self {
        Self { open: vec![(from, 0)] }
    }

    /// The next container.
    pub(super) fn next(&mut self, instances: &[Instance]) -> Option<InstanceId> {
        loop {
            match self.step(instances)? {
                Step::Inner(instance) => return Some(instance),
                Step::Run(..) => {}
            }
        }
    }

    /// The next container, or the next stretch of statements with the container that it is in.
    pub(super) fn step(&mut self, instances: &[Instance]) -> Option<Step> {
        loop {
            let (instance, place) = self.open.last_mut()?;
            match instances[*instance as usize].pieces.get(*place) {
                Some(Piece::Run(start, end)) => {
                    *place += 1;
                    return Some(Step::Run(*instance, *start, *end));
                }
                Some(Piece::Inner(inner)) => {
                    *place += 1;
                    self.open.push((*inner, 0));
                    return Some(Step::Inner(*inner));
                }
                None => {
                    self.open.pop();
                }
            }
        }
    }

    /// Leaves out what is in the container that was just walked to.
    pub(super) fn skip(&mut self) {
        self.open.pop();
    }
}

/// A step of a walk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Inner(InstanceId),
    Run(InstanceId, u32, u32),
}
