//! Repairing images in memory: what parity can give back comes back, and nothing else is ever let through.

#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "shared with tests of trees")]
mod common;
#[expect(dead_code, reason = "shared with tests of trees")]
#[path = "common/image.rs"]
mod image;

use std::collections::BTreeSet;
use std::sync::Mutex;

use common::{Random, expected, go_on};
use hardpan_verity::fec::{
    Damaged, FecArea, FecError, FecLayout, Found, JOURNAL_CONTENTS, Journal, JournalError, Part, RepairError,
    Repairs, Roots, encode, find_repairs,
};
use hardpan_verity::{
    BlockSink, BlockSize, BlockSource, Error, Expected, HashArea, Params, VerifyError, verify,
};
use image::Image;

/// Small blocks make small rounds, and trees with levels.
const BLOCK: usize = 512;

/// An image that was protected, and may be damaged since.
struct Case {
    image: Image,
    parity: Vec<u8>,
    layout: FecLayout,
    expected: Expected,
    /// As it was before any damage.
    sound: (Vec<u8>, Vec<u8>),
}

impl Case {
    fn new(blocks: usize, roots: u64) -> Self {
        let area = HashArea::with_superblock(0).unwrap();
        let data = Random(blocks as u64 + roots).bytes(blocks * BLOCK);
        let image = Image::of(data, small_params(blocks), area);
        let layout = layout(&image, roots, image.hash.len()).unwrap();
        let expected = expected(&image.params, &image.root, area);
        let sound = (image.data.clone(), image.hash.clone());
        let mut case = Self { image, parity: Vec::new(), layout, expected, sound };
        case.parity = case.encode();
        case
    }

    fn copy(&self) -> Self {
        let (data, hash, root) = (self.image.data.clone(), self.image.hash.clone(), self.image.root.clone());
        let image = Image { data, hash, params: self.image.params.clone(), root, area: self.image.area };
        let (parity, layout) = (self.parity.clone(), self.layout.clone());
        Self { image, parity, layout, expected: self.expected.clone(), sound: self.sound.clone() }
    }

    /// The parity of the image as it is now.
    fn encode(&self) -> Vec<u8> {
        let sink = Mutex::new(Vec::new());
        encode(&self.image.data, &self.image.hash, &self.layout, &sink, &go_on).unwrap();
        sink.into_inner().unwrap()
    }

    fn rounds(&self) -> usize {
        usize::try_from(self.layout.rounds).unwrap()
    }

    /// Replaces a covered block by noise.
    fn destroy(&mut self, covered: usize) {
        let noise = Random(covered as u64 + 77).bytes(BLOCK);
        self.block(covered).copy_from_slice(&noise);
    }

    /// Changes one byte of a covered block.
    fn flip(&mut self, covered: usize, byte: usize) {
        self.block(covered)[byte] ^= 0x21;
    }

    fn block(&mut self, covered: usize) -> &mut [u8] {
        let data_blocks = self.image.data.len() / BLOCK;
        let (part, block) = match covered.checked_sub(data_blocks) {
            None => (&mut self.image.data, covered),
            Some(block) => (&mut self.image.hash, block + 1),
        };
        &mut part[block * BLOCK..][..BLOCK]
    }

    fn damaged(&self) -> Damaged<'_> {
        Damaged {
            data: &self.image.data,
            hash: &self.image.hash,
            fec: &self.parity,
            layout: &self.layout,
            expected: &self.expected,
        }
    }

    fn find(&self) -> (Result<Found, RepairError>, Mutex<Vec<u8>>) {
        let store = Mutex::new(Vec::new());
        (find_repairs(self.damaged(), &store, 0, &go_on), store)
    }

    /// Repairs, and checks that all is as it was.
    fn is_repaired(&self) -> Repairs {
        let (found, store) = self.find();
        let Ok(Found::Repairs(repairs)) = found else { panic!("{found:?}") };
        let (data, hash) = (Mutex::new(self.image.data.clone()), Mutex::new(self.image.hash.clone()));
        repairs.write(Part::Data, &store, &data).unwrap();
        repairs.write(Part::Tree, &store, &hash).unwrap();
        let (data, hash) = (data.into_inner().unwrap(), hash.into_inner().unwrap());
        verify(&data, &hash, &self.expected, &go_on).unwrap();
        assert!((&data, &hash) == (&self.sound.0, &self.sound.1));
        repairs
    }

    /// That nothing is repaired, because of damage that stays.
    fn is_lost(&self) -> RepairError {
        let (found, _) = self.find();
        let error = found.unwrap_err();
        assert!(error.is_failure(), "{error}");
        error
    }
}

fn small_params(blocks: usize) -> Params {
    let mut params = common::params(blocks, b"salt");
    params.data_block_size = BlockSize::new(512).unwrap();
    params.hash_block_size = params.data_block_size;
    params
}

fn layout(image: &Image, roots: u64, hash_len: usize) -> Result<FecLayout, Error> {
    let roots = Roots::new(roots)?;
    let fec = FecArea { roots, offset: 0, on_data_device: false, on_hash_device: false };
    FecLayout::new(&image.params, image.area, fec, hash_len as u64)
}

#[test]
fn only_2_to_24_roots_and_equal_blocks_have_a_code() {
    let mut image = Image::of(vec![1; 4 * BLOCK], small_params(4), HashArea::with_superblock(0).unwrap());
    for (roots, good) in [(0, false), (1, false), (2, true), (24, true), (25, false), (u64::MAX, false)] {
        let result = layout(&image, roots, image.hash.len());
        match result {
            Ok(_) => assert!(good, "{roots}"),
            Err(error) => assert!(!good && matches!(error, Error::Fec(FecError::Roots { .. })), "{error}"),
        }
    }
    image.params.hash_block_size = BlockSize::new(1024).unwrap();
    let error = layout(&image, 2, image.hash.len() * 2).unwrap_err();
    assert!(matches!(error, Error::Fec(FecError::BlockSizes { .. })), "{error}");
}

#[test]
fn parity_overlaps_nothing_and_stays_addressable() {
    let image = Image::of(vec![1; 40 * BLOCK], small_params(40), HashArea::with_superblock(0).unwrap());
    let end = image.hash.len() as u64;
    let layout = |offset, on_data_device, on_hash_device| {
        let fec = FecArea { roots: Roots::DEFAULT, offset, on_data_device, on_hash_device };
        FecLayout::new(&image.params, image.area, fec, end)
    };
    let data_end = 40 * BLOCK as u64;
    assert!(layout(data_end, true, false).is_ok() && layout(end, false, true).is_ok());
    for (offset, on_data, on_hash) in [
        (data_end - 512, true, false),
        (end - 512, false, true),
        (0, false, true),
        (end + 1, false, false),
        (u64::MAX - 511, false, false),
        ((1 << 63) - 512, false, false),
    ] {
        let error = layout(offset, on_data, on_hash).unwrap_err();
        assert!(matches!(error, Error::Fec(_)), "{offset}: {error}");
    }
    let fec = FecArea { roots: Roots::MAX, offset: 0, on_data_device: false, on_hash_device: false };
    let error = FecLayout::new(&image.params, image.area, fec, end - 1).unwrap_err();
    assert!(matches!(error, Error::TooShort { .. }), "{error}");
}

/// The kernel takes the end of the hash device for the end of what is covered.
#[test]
fn what_is_covered_ends_with_the_hash_device() {
    let mut case = Case::new(600, 2);
    let blocks = case.layout.covered_blocks();
    case.image.hash.resize(case.image.hash.len() + 300 * BLOCK + 7, 0);
    case.layout = layout(&case.image, 2, case.image.hash.len()).unwrap();
    assert_eq!(case.layout.covered_blocks(), blocks + 300);
    let longer = case.encode();
    assert!(longer.len() > case.parity.len() && !longer.starts_with(&case.parity));
    case.parity = longer;
    case.sound.1.clone_from(&case.image.hash);
    case.destroy(599);
    assert_eq!(case.is_repaired().data_blocks().to_string(), "599");
}

#[test]
fn what_is_sound_is_left_alone() {
    let case = Case::new(300, 2);
    let (found, store) = case.find();
    assert!(matches!(found, Ok(Found::Sound(_))));
    assert!(store.into_inner().unwrap().is_empty());
}

#[test]
fn as_many_bad_blocks_of_a_codeword_as_roots_come_back_and_no_more() {
    for roots in [2, 3, 24] {
        let mut case = Case::new(900, roots);
        let rounds = case.rounds();
        let roots = usize::try_from(roots).unwrap();
        for row in 0..roots {
            case.destroy(row * 7 * rounds + 1);
        }
        assert_eq!(case.is_repaired().data_blocks().count(), roots as u64);
        case.destroy((roots * 7 + 1) * rounds + 1);
        let RepairError::Unrepairable { damage, repairable } = case.is_lost() else { panic!() };
        assert_eq!((damage.data.count(), repairable), (roots as u64 + 1, 0));
    }
}

#[test]
fn a_stretch_of_roots_times_rounds_comes_back_and_no_longer() {
    for (roots, first) in [(2, 5), (24, 0)] {
        let mut case = Case::new(1000, roots);
        let stretch = case.rounds() * usize::try_from(roots).unwrap();
        (first..first + stretch).for_each(|block| case.destroy(block));
        assert_eq!(case.is_repaired().data_blocks().to_string(), format!("{first}-{}", first + stretch - 1));
        case.destroy(first + stretch);
        let RepairError::Unrepairable { repairable, .. } = case.is_lost() else { panic!() };
        assert_eq!(repairable, (stretch - usize::try_from(roots).unwrap()) as u64);
    }
}

/// More bad blocks than roots in a codeword of blocks, but not in one of bytes.
#[test]
fn sparse_damage_of_many_blocks_comes_back() {
    for (roots, errors) in [(2_u64, 1), (24, 12)] {
        let mut case = Case::new(900, roots);
        let rounds = case.rounds();
        for word in 0..20 {
            for error in 0..errors {
                case.flip((word * errors + error) % 30 * rounds + 1, word * 3);
            }
        }
        let repaired = case.is_repaired().data_blocks().count();
        assert!(repaired > roots, "{repaired}");
        // What is left of one word after the others are repaired is one block too many.
        (0..=usize::try_from(roots).unwrap()).for_each(|row| case.flip((31 + row) * rounds + 1, 0));
        case.is_lost();
    }
}

/// Case 1b.1 of what veritysetup lets pass: parity made for the tampered data.
#[test]
fn forged_parity_repairs_nothing() {
    let mut case = Case::new(400, 2);
    case.flip(17, 100);
    case.parity = case.encode();
    let RepairError::Unrepairable { damage, repairable } = case.is_lost() else { panic!() };
    assert_eq!((damage.data.to_string().as_str(), repairable), ("17", 0));
    // A forged tree above it changes nothing: the top is held against the root hash.
    let forged = Image::of(case.image.data.clone(), case.image.params.clone(), case.image.area);
    case.image.hash = forged.hash;
    case.parity = case.encode();
    let RepairError::Unrepairable { damage, .. } = case.is_lost() else { panic!() };
    assert_eq!(damage.wrong_root, Some(forged.root));
}

/// With two roots nearly every three errors decode to something: nothing of that has the right digest.
#[test]
fn miscorrections_never_count() {
    let mut case = Case::new(900, 2);
    let rounds = case.rounds();
    for word in 0..50 {
        let mut damaged = [word, word + 60, word + 120].map(|row| row * rounds + 2);
        damaged.sort_unstable();
        for block in damaged {
            case.flip(block, word);
        }
    }
    let RepairError::Unrepairable { damage, repairable } = case.is_lost() else { panic!() };
    assert_eq!((damage.data.count(), repairable), (150, 0));
}

#[test]
fn damaged_parity_is_an_error_among_others() {
    let mut case = Case::new(400, 4);
    let parity = case.parity.clone();
    case.flip(9, 30);
    // Far away, in the same word within the capacity, and beyond it.
    case.parity[0] ^= 1;
    case.is_repaired();
    let word = (9 % case.rounds() * BLOCK + 30) * 4;
    case.parity[word] ^= 1;
    case.is_repaired();
    case.parity[word + 1] ^= 1;
    case.is_lost();
    case.parity = parity;
    case.parity.pop();
    let error = case.is_lost();
    assert!(matches!(error, RepairError::Error(Error::TooShort { what: "FEC area", .. })), "{error}");
}

#[test]
fn hash_blocks_of_every_level_come_back() {
    for roots in [2, 24] {
        let case = Case::new(700, roots);
        let tree_blocks = usize::try_from(case.layout.hash_blocks).unwrap();
        for block in 0..tree_blocks {
            let mut case = case.copy();
            // Data that hang below the first and the last, so that these cannot just be computed; in other words.
            let rounds = case.rounds();
            let is_apart = |data: &usize| *data % rounds != (700 + block) % rounds;
            let first = (0..700).find(is_apart).unwrap();
            let last = (0..700).rev().find(|data| is_apart(data) && data % rounds != first % rounds).unwrap();
            for block in [700 + block, first, last] {
                case.destroy(block);
            }
            let repairs = case.is_repaired();
            assert_eq!(repairs.hash_blocks().to_string(), block.to_string());
            assert_eq!(repairs.data_blocks().to_string(), format!("{first}, {last}"));
        }
    }
}

/// The whole tree is lost, from the top: each pass authenticates one level more.
#[test]
fn a_lost_tree_comes_back_level_by_level() {
    let mut case = Case::new(700, 24);
    let tree_blocks = usize::try_from(case.layout.hash_blocks).unwrap();
    (0..tree_blocks).for_each(|block| case.destroy(700 + block));
    case.destroy(3);
    let repairs = case.is_repaired();
    assert_eq!(repairs.hash_blocks().count(), tree_blocks as u64);
    assert_eq!(repairs.data_blocks().to_string(), "3");
}

#[test]
fn one_block_without_a_tree_comes_back() {
    let mut case = Case::new(1, 2);
    case.destroy(0);
    assert_eq!(case.is_repaired().data_blocks().to_string(), "0");
}

#[test]
fn the_padded_end_comes_back() {
    for blocks in [252, 253, 254, 505, 507] {
        let mut case = Case::new(blocks, 2);
        let last = usize::try_from(case.layout.covered_blocks()).unwrap() - 1;
        case.destroy(last);
        case.destroy(blocks - 1);
        case.is_repaired();
    }
}

#[test]
fn what_parity_does_not_cover_is_not_repaired() {
    let mut case = Case::new(300, 2);
    case.destroy(3);
    case.image.hash[100] ^= 1;
    assert!(matches!(
        case.is_lost(),
        RepairError::Verify(VerifyError::Superblock(_) | VerifyError::SuperblockDiffers(_))
    ));
    case.image.hash[100] ^= 1;
    case.image.data.push(7);
    let RepairError::Unrepairable { damage, .. } = case.is_lost() else { panic!() };
    assert_eq!(damage.slack.len(), 1);
    case.image.data.truncate(299 * BLOCK);
    assert!(matches!(case.is_lost(), RepairError::Verify(VerifyError::Error(Error::TooShort { .. }))));
}

#[test]
fn who_is_told_to_stop_stops() {
    let mut case = Case::new(300, 2);
    case.destroy(3);
    let store = Mutex::new(Vec::new());
    let error = find_repairs(case.damaged(), &store, 0, &|_| false).unwrap_err();
    assert!(matches!(error, RepairError::Verify(VerifyError::Error(Error::Cancelled))), "{error}");
    let result = encode(&case.image.data, &case.image.hash, &case.layout, &store, &|_| false);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert!(store.into_inner().unwrap().is_empty());
}

/// Whatever the damage: all comes back as it was, or nothing is repaired. Within the capacity it comes back.
#[test]
fn random_damage_comes_back_right_or_not_at_all() {
    let mut random = Random(5);
    let mut lost = 0;
    let case_roots = [2, 3, 8];
    let cases = case_roots.map(|roots| Case::new(300, roots));
    for round in 0..120 {
        let roots = case_roots[round % 3];
        let mut case = cases[round % 3].copy();
        let covered = case.layout.covered_blocks();
        let mut blocks = BTreeSet::new();
        for _ in 0..=random.next() % 6 {
            let block = usize::try_from(random.next() % covered).unwrap();
            blocks.insert(block);
            if random.next() & 1 == 0 {
                case.destroy(block);
            } else {
                case.flip(block, usize::try_from(random.next() % BLOCK as u64).unwrap());
            }
        }
        let in_one_word = |round| blocks.iter().filter(|block| **block % case.rounds() == round).count();
        let most = (0..case.rounds()).map(in_one_word).max().unwrap();
        let only_data = blocks.iter().all(|block| *block < 300);
        let must = only_data && most <= usize::try_from(roots).unwrap();
        if must || case.find().0.is_ok() {
            case.is_repaired();
        } else {
            case.is_lost();
            lost += 1;
        }
    }
    assert!((1..100).contains(&lost), "{lost}");
}

/// A file system that stops at some operation, in the middle of a write, as when the power fails.
struct Crashing<'a> {
    content: &'a Mutex<Vec<u8>>,
    left: &'a Mutex<usize>,
}

impl Crashing<'_> {
    /// Whether there is an operation left.
    fn goes_on(&self) -> bool {
        let mut left = self.left.lock().unwrap();
        *left = left.saturating_sub(1);
        *left > 0
    }
}

impl BlockSource for Crashing<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.content.read_exact_at(buffer, offset)
    }

    fn size(&self) -> std::io::Result<u64> {
        self.content.size()
    }
}

impl BlockSink for Crashing<'_> {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        if self.goes_on() {
            return self.content.write_all_at(bytes, offset);
        }
        self.content.write_all_at(&bytes[..bytes.len() / 2], offset)?;
        Err(std::io::Error::other("the power failed"))
    }
}

/// The files of a repair, which outlive a crash.
struct Files {
    data: Mutex<Vec<u8>>,
    hash: Mutex<Vec<u8>>,
    journal: Mutex<Vec<u8>>,
}

/// The steps of a repair as the command takes them, up to the crash after `operations`.
fn repair_until_crash(case: &Case, files: &Files, operations: usize) -> Result<(), String> {
    let left = Mutex::new(operations);
    let [data, hash, journal] =
        [&files.data, &files.hash, &files.journal].map(|content| Crashing { content, left: &left });
    let damaged = Damaged { data: &data, hash: &hash, ..case.damaged() };
    let repairs = if let Journal::Sealed(sealed) = Journal::read(&journal).map_err(text)? {
        sealed.verify(&journal, damaged, &go_on).map_err(text)?
    } else {
        files.journal.lock().unwrap().clear();
        Journal::begin(&journal).map_err(text)?;
        let found = find_repairs(damaged, &journal, JOURNAL_CONTENTS, &go_on).map_err(text)?;
        let Found::Repairs(repairs) = found else { return Ok(()) };
        Journal::seal(&repairs, &journal, || Ok(())).map_err(text)?;
        repairs
    };
    repairs.write(Part::Data, &journal, &data).map_err(text)?;
    repairs.write(Part::Tree, &journal, &hash).map_err(text)?;
    verify(&data, &hash, &case.expected, &go_on).map(|_| ()).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[test]
fn a_repair_that_is_interrupted_anywhere_can_be_finished() {
    let mut case = Case::new(300, 2);
    for block in [4, 301, 310] {
        case.destroy(block);
    }
    let (mut crashed, mut sealed) = (0, 0);
    for operations in 1..100 {
        let files = Files {
            data: Mutex::new(case.image.data.clone()),
            hash: Mutex::new(case.image.hash.clone()),
            journal: Mutex::new(Vec::new()),
        };
        let first = repair_until_crash(&case, &files, operations);
        if first.is_ok() {
            break;
        }
        crashed += 1;
        let is_sealed = matches!(Journal::read(&files.journal), Ok(Journal::Sealed(_)));
        let untouched =
            *files.data.lock().unwrap() == case.image.data && *files.hash.lock().unwrap() == case.image.hash;
        assert!(is_sealed || untouched, "{operations}");
        sealed += usize::from(is_sealed);
        repair_until_crash(&case, &files, usize::MAX).unwrap();
        assert!(*files.data.lock().unwrap() == case.sound.0 && *files.hash.lock().unwrap() == case.sound.1);
    }
    // One header, three contents, entries and seal, three blocks.
    assert_eq!((crashed, sealed), (9, 3));
}

/// A sealed journal with a changed byte, or of something else, brings nothing that does not verify.
#[test]
fn a_journal_is_not_trusted() {
    let mut case = Case::new(300, 2);
    case.destroy(3);
    case.destroy(299);
    let journal = Mutex::new(Vec::new());
    Journal::begin(&journal).unwrap();
    assert_eq!(Journal::read(&journal).unwrap(), Journal::Unsealed);
    let Ok(Found::Repairs(repairs)) = find_repairs(case.damaged(), &journal, JOURNAL_CONTENTS, &go_on) else {
        panic!()
    };
    Journal::seal(&repairs, &journal, || Ok(())).unwrap();
    let journal = journal.into_inner().unwrap();
    assert_eq!(journal.len(), 4096 + 2 * (BLOCK + 24));
    for offset in (0..64).chain(4096..journal.len()) {
        let mut changed = journal.clone();
        changed[offset] ^= 1;
        match Journal::read(&changed) {
            Err(_) => assert!(offset < 32, "{offset}: what is wrong is named"),
            // Bit 0 of the state, the digest, and what is under the digest.
            Ok(Journal::Unsealed) => assert!(offset == 12 || !(0..32).contains(&offset), "{offset}"),
            Ok(Journal::Sealed(sealed)) => {
                let error = sealed.verify(&changed, case.damaged(), &go_on).unwrap_err();
                assert!(matches!(error, JournalError::Verify(VerifyError::Corrupt(_))), "{offset}: {error}");
            }
            Ok(other) => panic!("{other:?}"),
        }
    }
    // Up to there it looks like one in preparation.
    assert_eq!(Journal::read(&journal[..12].to_vec()).unwrap(), Journal::Unsealed);
    for len in 13..journal.len() {
        let error = Journal::read(&journal[..len].to_vec()).unwrap_err();
        assert!(matches!(error, JournalError::NoJournal | JournalError::Length { .. }), "{len}: {error}");
    }
    let Ok(Journal::Sealed(sealed)) = Journal::read(&journal) else { panic!() };
    let other = Case::new(100, 2);
    let read = sealed.clone().verify(&journal, other.damaged(), &go_on);
    assert!(matches!(read, Err(JournalError::Place { .. })));
    let other = Case::new(301, 2);
    let read = sealed.verify(&journal, other.damaged(), &go_on);
    assert!(matches!(read, Err(JournalError::Verify(VerifyError::Corrupt(_)))));
}
