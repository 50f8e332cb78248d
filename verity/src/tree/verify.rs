//! Verifying data and tree against a root hash, from the top down, and finding all that is wrong.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::Progress;
use crate::damage::{BlockRanges, Damage, LevelDamage, RangeCollector, Slack, SlackArea};
use crate::error::{Error, VerifyError};
use crate::hash::Hasher;
use crate::params::{Params, RootHash};
use crate::source::BlockSource;
use crate::superblock::{SUPERBLOCK_SIZE, Superblock};
use crate::tree::authenticate::{Authenticator, State};
use crate::tree::blocks::{Blocks, DATA, HASH};
use crate::tree::layout::{HashArea, Layout, Level};
use crate::tree::pool::for_each_task;
use crate::tree::slack::{check_same_size, check_size, find_slack, without};
use crate::tree::spans::{Spans, by_hash_block};
use crate::uuid::Uuid;
use crate::witness::Verified;

/// What data and tree are expected to be. All of it comes from who trusts it, nothing from the bytes to be verified.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must decide")]
pub struct Expected {
    /// The geometry and the salt.
    pub params: Params,
    /// The root hash.
    pub root: RootHash,
    /// Where the hash area is. If it has a superblock, that must agree.
    pub area: HashArea,
    /// The UUID that the superblock must have. `None` takes any: it decides nothing, but then nobody has checked it.
    pub uuid: Option<Uuid>,
    /// Whether data and hash area are on one device. Then the hash area ends what must be zero after the data.
    pub one_device: bool,
    /// Stretches of the hash device after the tree that hold something else, such as parity, and are not looked at. All
    /// other bytes of both devices that nothing covers must be zero.
    pub others: Vec<Range<u64>>,
}

impl Expected {
    /// Data and hash area on devices of their own, with nothing else on them and any UUID.
    pub fn new(params: Params, root: RootHash, area: HashArea) -> Self {
        Self { params, root, area, uuid: None, one_device: false, others: Vec::new() }
    }
}

/// Verifies all data and the whole tree, and the bytes beside them.
///
/// A root hash is bound to no geometry: hash blocks could be passed off as data, and bytes after the last block are in
/// no digest. Hence the superblock must say what `expected` says, and bytes that are not covered must be zero.
///
/// # Errors
///
/// [`VerifyError::Corrupt`] lists every block that is wrong. A damaged hash block is recomputed from what is below it: if
/// that has the digest wanted, it is used in its place, so that damage is found below it as well.
pub fn verify(
    data: &dyn BlockSource,
    hash: &dyn BlockSource,
    expected: &Expected,
    progress: Progress<'_>,
) -> Result<Verified, VerifyError> {
    expected.root.check(expected.params.algorithm).map_err(Error::from)?;
    let layout = Layout::new(&expected.params, expected.area).map_err(Error::from)?;
    let data_len = check_size(data, DATA, layout.data_end)?;
    let hash_len = check_size(hash, HASH, needed(&layout, expected.area))?;
    check_superblock(hash, expected)?;
    let verifier = Verifier { data, hash, expected, layout: &layout, hasher: Hasher::new(&expected.params) };
    let slack = verifier.slack(data_len, hash_len, progress)?;
    let damage = Damage { slack, ..verifier.blocks(progress)? };
    if !damage.is_empty() {
        return Err(VerifyError::Corrupt(Box::new(damage)));
    }
    // Nobody looked at what was added meanwhile, and holes are not read, so that no read would have failed there.
    check_same_size(data, DATA, data_len)?;
    check_same_size(hash, HASH, hash_len)?;
    Ok(Verified::new(expected.root.clone(), expected.params.clone(), expected.area))
}

/// How long the hash device must be. Over one data block there is no tree, and veritysetup ends its file with the superblock.
fn needed(layout: &Layout, area: HashArea) -> u64 {
    match (layout.levels.is_empty(), area.has_superblock()) {
        (false, _) => layout.end,
        (true, true) => area.offset() + SUPERBLOCK_SIZE as u64,
        (true, false) => 0,
    }
}

fn check_superblock(hash: &dyn BlockSource, expected: &Expected) -> Result<(), VerifyError> {
    if !expected.area.has_superblock() {
        return Ok(());
    }
    let mut bytes = [0; SUPERBLOCK_SIZE];
    let offset = expected.area.offset();
    hash.read_exact_at(&mut bytes, offset).map_err(Error::read(HASH, offset))?;
    let superblock = Superblock::parse(&bytes)?;
    let mut differences = superblock.differences(&expected.params);
    differences.extend(superblock.other_uuid(expected.uuid));
    if differences.is_empty() { Ok(()) } else { Err(VerifyError::SuperblockDiffers(differences)) }
}

struct Verifier<'a> {
    data: &'a dyn BlockSource,
    hash: &'a dyn BlockSource,
    expected: &'a Expected,
    layout: &'a Layout,
    hasher: Hasher,
}

impl Verifier<'_> {
    fn slack(&self, data_len: u64, hash_len: u64, progress: Progress<'_>) -> Result<Vec<Slack>, Error> {
        let (layout, area) = (self.layout, self.expected.area);
        let mut slack = Vec::new();
        if area.has_superblock() {
            let range = area.offset() + SUPERBLOCK_SIZE as u64..layout.start.min(hash_len);
            slack.extend(find_slack(self.hash, HASH, SlackArea::AfterSuperblock, range, progress)?);
        }
        // A tree over one block may be said to be beyond the end.
        let data_end = if self.expected.one_device { area.offset().min(data_len) } else { data_len };
        slack.extend(find_slack(self.data, DATA, SlackArea::AfterData, layout.data_end..data_end, progress)?);
        for range in without(layout.end..hash_len, &self.expected.others) {
            slack.extend(find_slack(self.hash, HASH, SlackArea::AfterTree, range, progress)?);
        }
        Ok(slack)
    }

    /// Authenticates every block of tree and data.
    fn blocks(&self, progress: Progress<'_>) -> Result<Damage, Error> {
        let findings = Mutex::new(Findings::new(self.layout.levels.len()));
        let wrong_root = self.wrong_root()?;
        if wrong_root.is_none() {
            let params = &self.expected.params;
            let size = params.data_block_size.bytes();
            let spans = Spans::new(params.data_blocks.get(), size as usize);
            for_each_task(
                spans.tasks(),
                || self.authenticator(),
                |authenticator, task| {
                    let range = spans.range(task);
                    let hashed = (range.end - range.start) * u64::from(size);
                    self.check_span(authenticator, range, &findings)?;
                    if progress(hashed) { Ok(()) } else { Err(Error::Cancelled) }
                },
            )?;
        }
        let findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(match wrong_root {
            Some(root) => self.nothing_authenticated(root),
            None => findings.finish(),
        })
    }

    fn authenticator(&self) -> Authenticator<'_> {
        authenticator(self.data, self.hash, self.expected, self.layout, &self.hasher)
    }

    /// The root that the tree has, if its top block is neither what the root hash wants nor can be recovered.
    fn wrong_root(&self) -> Result<Option<RootHash>, Error> {
        let Some(top) = self.layout.levels.len().checked_sub(1) else { return Ok(None) };
        let mut authenticator = self.authenticator();
        match authenticator.hash_block(top, 0)? {
            State::Sound | State::Unclean | State::Recovered => Ok(None),
            State::Lost | State::Unauthenticated => authenticator.stored_root(top).map(Some),
        }
    }

    fn nothing_authenticated(&self, root: RootHash) -> Damage {
        let top = self.layout.levels.len() - 1;
        let level = |(level, blocks): (usize, u64)| {
            let all = BlockRanges::all(blocks);
            let (bad, unauthenticated) =
                if level == top { (all, BlockRanges::default()) } else { (BlockRanges::default(), all) };
            LevelDamage { level, bad, unauthenticated, unclean: BlockRanges::default() }
        };
        Damage {
            wrong_root: Some(root),
            levels: self.layout.levels.iter().map(|level| level.blocks).enumerate().map(level).collect(),
            data: BlockRanges::default(),
            unauthenticated_data: BlockRanges::all(self.expected.params.data_blocks.get()),
            slack: Vec::new(),
        }
    }

    /// Checks the data blocks in `range` and the hash blocks above of which they have the first.
    fn check_span(
        &self,
        authenticator: &mut Authenticator<'_>,
        range: Range<u64>,
        findings: &Mutex<Findings>,
    ) -> Result<(), Error> {
        let per_block = self.layout.entries_per_block;
        for piece in by_hash_block(range, per_block) {
            if piece.start.is_multiple_of(per_block) {
                self.check_above(authenticator, piece.start / per_block, findings)?;
            }
            let checked = authenticator.check_data(piece.clone())?;
            if checked.unauthenticated {
                lock(findings).unauthenticated_data.add(piece);
            } else if !checked.bad.is_empty() {
                let mut findings = lock(findings);
                checked.bad.into_iter().for_each(|range| findings.data.add(range));
            }
        }
        Ok(())
    }

    /// Checks the leaf `index`, and the blocks above of which it is the first leaf.
    fn check_above(
        &self,
        authenticator: &mut Authenticator<'_>,
        index: u64,
        findings: &Mutex<Findings>,
    ) -> Result<(), Error> {
        let mut stride = 1;
        for level in 0..self.layout.levels.len() {
            if !index.is_multiple_of(stride) {
                break;
            }
            let block = index / stride;
            let state = authenticator.hash_block(level, block)?;
            if state != State::Sound {
                lock(findings).add_hash_block(level, block, state);
            }
            stride = stride.saturating_mul(self.layout.entries_per_block);
        }
        Ok(())
    }
}

/// An authenticator for all blocks of data and tree.
pub(crate) fn authenticator<'a>(
    data: &'a dyn BlockSource,
    hash: &'a dyn BlockSource,
    expected: &'a Expected,
    layout: &'a Layout,
    hasher: &Hasher,
) -> Authenticator<'a> {
    let size = expected.params.hash_block_size.bytes() as usize;
    let level = |level: &Level| Blocks {
        source: hash,
        what: HASH,
        start: level.start,
        count: level.blocks,
        size,
        zeros: None,
    };
    let data = Blocks::data(data, &expected.params, hasher);
    let rows = std::iter::once(data).chain(layout.levels.iter().map(level)).collect();
    Authenticator::new(rows, layout, hasher.clone(), &expected.root)
}

/// What the threads found, so far.
struct Findings {
    levels: Vec<LevelFindings>,
    data: RangeCollector,
    unauthenticated_data: RangeCollector,
}

#[derive(Default)]
struct LevelFindings {
    bad: RangeCollector,
    unauthenticated: RangeCollector,
    unclean: RangeCollector,
}

impl Findings {
    fn new(levels: usize) -> Self {
        let levels = std::iter::repeat_with(Default::default).take(levels).collect();
        Self { levels, data: RangeCollector::default(), unauthenticated_data: RangeCollector::default() }
    }

    fn add_hash_block(&mut self, level: usize, block: u64, state: State) {
        let level = &mut self.levels[level];
        let range: Range<u64> = block..block + 1;
        match state {
            State::Sound => {}
            State::Unclean => level.unclean.add(range),
            State::Recovered | State::Lost => level.bad.add(range),
            State::Unauthenticated => level.unauthenticated.add(range),
        }
    }

    fn finish(self) -> Damage {
        let levels = self.levels.into_iter().enumerate().map(|(level, found)| LevelDamage {
            level,
            bad: found.bad.finish(),
            unauthenticated: found.unauthenticated.finish(),
            unclean: found.unclean.finish(),
        });
        Damage {
            wrong_root: None,
            levels: levels.filter(|level| !level.is_empty()).collect(),
            data: self.data.finish(),
            unauthenticated_data: self.unauthenticated_data.finish(),
            slack: Vec::new(),
        }
    }
}

fn lock(findings: &Mutex<Findings>) -> std::sync::MutexGuard<'_, Findings> {
    findings.lock().unwrap_or_else(PoisonError::into_inner)
}
