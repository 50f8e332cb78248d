//! Repairing the blocks of one round: candidates from the tree and from parity, each held against its digest.

use super::code::Erasures;
use super::gf;
use super::layout::Covered;
use super::round::Round;
use super::suspects::{Standing, Suspects, Target};
use crate::error::Error;
use crate::source::BlockSource;
use crate::tree::authenticate::Authenticator;
use crate::tree::blocks::to_usize;

/// What a thread needs to repair rounds.
pub(super) struct Workshop<'a> {
    covered: Covered<'a>,
    authenticator: Authenticator<'a>,
    suspects: &'a Suspects<'a>,
    round: Round<'a>,
    block: Vec<u8>,
}

impl<'a> Workshop<'a> {
    pub(super) fn new(
        covered: Covered<'a>,
        fec: &'a dyn BlockSource,
        authenticator: Authenticator<'a>,
        suspects: &'a Suspects<'a>,
    ) -> Self {
        let block = vec![0; to_usize(covered.layout.block_size)];
        Self { covered, authenticator, suspects, round: Round::new(covered, fec), block }
    }

    /// Gives to `take` the contents of as many of `targets`, all in the round `number`, as can be found.
    pub(super) fn repair(
        &mut self,
        number: u64,
        targets: &[Target],
        take: impl Fn(&Target, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut left = Vec::new();
        for target in targets {
            match self.recompute(target)? {
                Some(content) => take(target, content)?,
                None => left.push(*target),
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        self.round.load(number)?;
        let standings = self.standings(number);
        for erased in erasure_sets(&standings, self.covered.layout.roots.get()) {
            left = self.attempt(&erased, &standings, left, &take)?;
        }
        Ok(())
    }

    /// What a hash block should hold, if all blocks below it are sound.
    fn recompute(&mut self, target: &Target) -> Result<Option<&[u8]>, Error> {
        match target.row.checked_sub(1) {
            Some(level) => self.authenticator.recovered(level, target.index),
            None => Ok(None),
        }
    }

    /// Decodes with these erasures and returns the targets that are still not known.
    fn attempt(
        &mut self,
        erased: &[u8],
        standings: &[Standing],
        targets: Vec<Target>,
        take: &impl Fn(&Target, &[u8]) -> Result<(), Error>,
    ) -> Result<Vec<Target>, Error> {
        let roots = self.covered.layout.roots.get();
        let Some(erasures) = Erasures::new(erased, roots) else { return Ok(targets) };
        let may_change = |position: u8| match standings.get(usize::from(position)) {
            Some(standing) => !matches!(standing, Standing::Sound | Standing::Absent),
            // Parity, of which nothing is known.
            None => true,
        };
        let mut left = Vec::new();
        // Some at a time, which bounds the memory for large blocks.
        for targets in targets.chunks(roots) {
            let wanted: Vec<u8> = targets.iter().map(|target| self.position(target)).collect();
            let deltas = self.round.decode(&erasures, &wanted, may_change);
            for (target, delta) in targets.iter().zip(&deltas) {
                self.covered.read(target.covered, &mut self.block)?;
                self.block.iter_mut().zip(delta).for_each(|(byte, delta)| *byte ^= delta);
                if self.authenticator.accepts(target.row, target.index, &self.block)? {
                    take(target, &self.block)?;
                } else {
                    left.push(*target);
                }
            }
        }
        Ok(left)
    }

    /// What is known of the message symbols of the round.
    fn standings(&self, number: u64) -> Vec<Standing> {
        let layout = self.covered.layout;
        let rows = 0..layout.roots.message_len() as u64;
        rows.map(|row| self.suspects.standing(row * layout.rounds + number)).collect()
    }

    fn position(&self, target: &Target) -> u8 {
        // A covered block is in one of fewer rows than a codeword has symbols.
        u8::try_from(target.covered / self.covered.layout.rounds).unwrap_or(u8::MAX)
    }
}

/// Which symbols to take for erased, in the order to be tried: those known to be bad; with them those of which nothing is
/// known; and none, since the damage of different blocks may lie in different words.
fn erasure_sets(standings: &[Standing], roots: usize) -> Vec<Vec<u8>> {
    let which = |wanted: &[Standing]| -> Vec<u8> {
        let positions = (0..).zip(standings).filter(|(_, standing)| wanted.contains(standing));
        positions.map(|(position, _)| position).collect()
    };
    let bad = which(&[Standing::Bad]);
    let suspected = which(&[Standing::Bad, Standing::Unauthenticated]);
    let mut sets = vec![bad];
    if suspected.len() > sets[0].len() {
        sets.push(suspected);
    }
    sets.push(Vec::new());
    sets.retain(|set| set.len() <= roots);
    sets
}

const _: () = assert!(gf::ORDER <= u8::MAX as usize);
