//! Building and verifying in memory: round trips, damage of every kind, failing devices, cancelling.

#![expect(clippy::cast_possible_truncation, clippy::unwrap_used, reason = "tests; offsets in memory fit")]

mod common;
#[path = "common/image.rs"]
mod image;

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{BLOCK, Random, area, expected, go_on, params};
use hardpan_verity::{
    BlockSink, BlockSource, Error, Expected, HashArea, Layout, SlackArea, Superblock, Uuid, VerifyError,
    build, verify,
};
use image::Image;

impl Image {
    fn new(data_blocks: usize, seed: u64) -> Self {
        let data = Random(seed).bytes(data_blocks * BLOCK);
        Self::of(data, params(data_blocks, b"salt"), area(0))
    }

    fn layout(&self) -> Layout {
        Layout::new(&self.params, self.area).unwrap()
    }

    fn spoil_data(&mut self, block: usize) {
        self.data[block * BLOCK + block % BLOCK] ^= 1;
    }

    /// Flips a bit of the entry in block `block` of `level`.
    fn spoil_hash(&mut self, level: usize, block: usize, byte: usize) {
        let start = self.layout().levels[level].start as usize;
        self.hash[start + block * BLOCK + byte] ^= 0x80;
    }
}

/// Cases 1 and 5: numbers of blocks around those of full hash blocks, and every length of salt.
#[test]
fn what_was_built_verifies_in_every_shape() {
    let mut random = Random(1);
    for data_blocks in [1, 2, 127, 128, 129, 300, 16_384, 16_385] {
        let salt = random.bytes([0, 1, 32, 255, 256][data_blocks % 5]);
        let offset = [0, 512, 4096, 12_288 + 512][data_blocks % 4];
        let data = random.bytes(data_blocks * BLOCK);
        for area in [area(offset), HashArea::without_superblock(offset / 4096 * 4096)] {
            let image = Image::of(data.clone(), params(data_blocks, &salt), area);
            assert_eq!(image.hash.len() as u64, image.layout().end);
            image.verify().unwrap();
        }
    }
}

#[test]
fn any_number_of_threads_makes_the_same_bytes() {
    let data = Random(2).bytes(16_385 * BLOCK);
    let make = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Image::of(data.clone(), params(16_385, b"x"), area(0)).hash)
    };
    let one = make(1);
    assert!([2, 3, 16].into_iter().all(|threads| make(threads) == one));
}

#[test]
fn any_number_of_threads_finds_the_same_damage() {
    let mut image = Image::new(16_400, 20);
    for block in [3, 4, 130, 16_000] {
        image.spoil_data(block);
    }
    for (level, block) in [(0, 1), (0, 9), (1, 1)] {
        image.spoil_hash(level, block, 77);
    }
    let find = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| image.damage())
    };
    let one = find(1);
    assert_eq!((one.levels.len(), one.unauthenticated_data.to_string().as_str()), (2, "128-255"));
    assert!([2, 5, 16].into_iter().all(|threads| find(threads) == one));
}

#[test]
fn all_bad_data_blocks_are_listed() {
    let mut image = Image::new(16_400, 3);
    for block in [0, 127, 128, 129, 5000, 16_384, 16_399] {
        image.spoil_data(block);
    }
    let damage = image.damage();
    assert_eq!(damage.data.to_string(), "0, 127-129, 5000, 16384, 16399");
    assert_eq!(damage.data.count(), 7);
    assert!(
        damage.levels.is_empty() && damage.unauthenticated_data.is_empty() && damage.wrong_root.is_none()
    );
}

/// Case 4: every level.
#[test]
fn damage_of_every_level_is_found_and_what_is_below_still_judged() {
    for level in 0..3 {
        let mut image = Image::new(16_400, 4);
        image.spoil_hash(level, 0, 5);
        image.spoil_data(16_399);
        let damage = image.damage();
        assert_eq!(damage.levels.len(), 1, "{damage}");
        assert_eq!((damage.levels[0].level, damage.levels[0].bad.to_string().as_str()), (level, "0"));
        assert!(damage.levels[0].unauthenticated.is_empty());
        assert_eq!(damage.data.to_string(), "16399");
        assert!(damage.unauthenticated_data.is_empty());
    }
}

#[test]
fn all_bad_hash_blocks_are_listed() {
    let mut image = Image::new(16_400, 5);
    image.spoil_hash(1, 1, 0);
    for block in [0, 3, 4, 127] {
        image.spoil_hash(0, block, 4095);
    }
    let damage = image.damage();
    let lines: Vec<String> =
        damage.levels.iter().map(|level| format!("{} {}", level.level, level.bad)).collect();
    assert_eq!(lines, ["0 0, 3-4, 127", "1 1"]);
    assert!(damage.data.is_empty() && damage.unauthenticated_data.is_empty(), "{damage}");
}

#[test]
fn data_below_a_lost_hash_block_is_not_judged() {
    let mut image = Image::new(16_400, 6);
    image.spoil_hash(0, 2, 0);
    image.spoil_data(2 * 128 + 9);
    let damage = image.damage();
    assert_eq!(damage.levels[0].bad.to_string(), "2");
    assert_eq!(damage.unauthenticated_data.to_string(), "256-383");
    assert!(damage.data.is_empty());

    // One level up: the block of level 1 cannot be recomputed, since a leaf below it is bad as well.
    image.spoil_hash(1, 0, 0);
    let damage = image.damage();
    assert_eq!(damage.levels[0].unauthenticated.to_string(), "0-127");
    assert_eq!(damage.levels[1].bad.to_string(), "0");
    assert_eq!(damage.unauthenticated_data.to_string(), "0-16383");
}

#[test]
fn every_changed_bit_of_the_tree_is_found() {
    let image = Image::new(300, 7);
    let (start, end) = (image.layout().start as usize, image.hash.len());
    let mut random = Random(7);
    for _ in 0..200 {
        let at = start + below(&mut random, end - start);
        let mut hash = image.hash.clone();
        hash[at] ^= 1 << below(&mut random, 8);
        let damaged = Image { hash, data: image.data.clone(), ..Image::new(1, 0) };
        let expected = expected(&image.params, &image.root, image.area);
        let result = verify(&damaged.data, &damaged.hash, &expected, &go_on);
        assert!(matches!(result, Err(VerifyError::Corrupt(_))), "byte {at}: {result:?}");
    }
}

#[test]
fn a_wrong_root_is_told_from_damage() {
    let mut image = Image::new(300, 8);
    let right = std::mem::replace(&mut image.root, Image::new(2, 9).root);
    let damage = image.damage();
    assert_eq!(damage.wrong_root, Some(right));
    assert_eq!(damage.unauthenticated_data.to_string(), "0-299");
    assert_eq!(damage.levels[0].unauthenticated.to_string(), "0-2");

    let mut single = Image::new(1, 10);
    single.spoil_data(0);
    assert_eq!(single.damage().data.to_string(), "0");
}

/// Defect 2, case 3.
#[test]
fn hash_blocks_are_not_accepted_as_data() {
    let image = Image::new(1024, 11);
    let layout = image.layout();
    // The eight leaves as data, the tree above them as tree: the root hash is the same.
    let data = image.hash[layout.levels[0].start as usize..].to_vec();
    let top = image.hash[layout.start as usize..layout.start as usize + BLOCK].to_vec();
    let small = Image::of(data.clone(), params(8, b"salt"), area(0));
    assert_eq!(small.root, image.root);
    assert_eq!(&small.hash[BLOCK..], top);

    // With the geometry that belongs to the root hash, neither the forged superblock nor a missing one helps.
    let result = verify(&data, &small.hash, &expected(&image.params, &image.root, area(0)), &go_on);
    assert!(matches!(result, Err(VerifyError::Error(Error::TooShort { .. }))), "{result:?}");
    let padded = |bytes: &[u8], len: usize| [bytes, &vec![0; len - bytes.len()]].concat();
    let data = padded(&data, image.data.len());
    let hash = padded(&small.hash, image.hash.len());
    let result = verify(&data, &hash, &expected(&image.params, &image.root, area(0)), &go_on);
    let error = result.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the superblock does not agree with what is expected: data blocks is 8, expected 1024"
    );
    assert!(error.is_failure());
    let bare = expected(&image.params, &image.root, HashArea::without_superblock(4096));
    assert!(matches!(verify(&data, &hash, &bare, &go_on), Err(VerifyError::Corrupt(_))));
}

#[test]
fn another_number_of_blocks_or_salt_is_refused() {
    let image = Image::new(300, 12);
    for other in [params(299, b"salt"), params(300, b"tlas"), params(300, b"")] {
        let expected = expected(&other, &image.root, image.area);
        let result = verify(&image.data, &image.hash, &expected, &go_on);
        assert!(matches!(result, Err(VerifyError::SuperblockDiffers(_))), "{result:?}");
    }
    let mut longer = Image::new(300, 12);
    longer.data.extend([0; BLOCK]);
    longer.params = params(301, b"salt");
    assert!(matches!(longer.verify(), Err(VerifyError::SuperblockDiffers(_))));
    // The same without a superblock: a 301st block of zeros has no entry that it hashes to.
    longer.area = HashArea::without_superblock(4096);
    assert_eq!(longer.damage().data.to_string(), "300");
}

/// Defect 3, case 4.
#[test]
fn bytes_that_nothing_covers_must_be_zero() {
    let image = Image::new(300, 13);
    let end = image.hash.len() as u64;
    let cases = [
        (SlackArea::AfterSuperblock, 512, 512..4096),
        (SlackArea::AfterSuperblock, 4095, 512..4096),
        (SlackArea::AfterTree, end + 8191, end..end + 8192),
    ];
    for (slack_area, at, range) in cases {
        let mut image = Image::new(300, 13);
        if slack_area == SlackArea::AfterTree {
            image.hash.extend([0; 8192]);
            image.verify().unwrap();
        }
        image.hash[at as usize] = 1;
        let damage = image.damage();
        assert_eq!(damage.slack.len(), 1);
        let slack = &damage.slack[0];
        assert_eq!((slack.area, slack.first, slack.range.clone()), (slack_area, at, range));
    }
    let mut tail = Image::new(300, 13);
    tail.data.extend([0; 100]);
    tail.data[300 * BLOCK + 50] = 1;
    assert_eq!(tail.damage().slack[0].area, SlackArea::AfterData);
    // Slack does not hide damage of blocks.
    tail.spoil_data(7);
    assert_eq!((tail.damage().slack.len(), tail.damage().data.to_string().as_str()), (1, "7"));
}

#[test]
fn data_and_hash_area_on_one_device() {
    let data = Random(14).bytes(129 * BLOCK);
    let (device, area) = (Mutex::new(data), area(130 * BLOCK as u64));
    let params = params(129, b"");
    let source = device.lock().unwrap().clone();
    let root = build(&source, &params, &device, area, &go_on).unwrap();
    let superblock = Superblock { params: params.clone(), uuid: Uuid::from_bytes([0; 16]) };
    device.write_all_at(&superblock.encode(), area.offset()).unwrap();
    let mut device = device.into_inner().unwrap();
    let end = device.len() as u64;
    let mut expected = expected(&params, &root, area);
    expected.one_device = true;
    device.extend([0; 512]);
    verify(&device, &device, &expected, &go_on).unwrap();
    device.extend(b"something of somebody else");
    let Err(VerifyError::Corrupt(damage)) = verify(&device, &device, &expected, &go_on) else { panic!() };
    let slack = &damage.slack[0];
    assert_eq!((slack.area, slack.range.start, slack.first), (SlackArea::AfterTree, end, end + 512));
    // Whoever knows what it is says where.
    expected.others.push(end + 512..device.len() as u64);
    verify(&device, &device, &expected, &go_on).unwrap();
    device[129 * BLOCK + 1] = 1;
    let Err(VerifyError::Corrupt(damage)) = verify(&device, &device, &expected, &go_on) else { panic!() };
    assert_eq!((damage.slack[0].area, damage.slack[0].first), (SlackArea::AfterData, 129 * BLOCK as u64 + 1));
}

#[test]
fn a_superblock_that_is_broken_or_missing_is_an_error() {
    let mut image = Image::new(2, 15);
    image.hash[8] = 2;
    assert!(matches!(image.verify(), Err(VerifyError::Superblock(error)) if error.is_unsupported()));
    image.hash[..512].fill(0);
    let error = image.verify().unwrap_err();
    assert!(error.is_failure() && matches!(error, VerifyError::Superblock(_)));
}

#[test]
fn too_short_devices_are_refused() {
    let image = Image::new(300, 16);
    for (data, hash, short) in
        [(1, 0, "data"), (0, 1, "hash area"), (BLOCK, 0, "data"), (0, BLOCK, "hash area")]
    {
        let data = &image.data[..image.data.len() - data];
        let hash = &image.hash[..image.hash.len() - hash];
        let result = verify(&data, &hash, &expected(&image.params, &image.root, image.area), &go_on);
        assert!(
            matches!(result, Err(VerifyError::Error(Error::TooShort { what, .. })) if what == short),
            "{result:?}"
        );
    }
    let sink = Mutex::new(Vec::new());
    let result = build(&image.data, &params(301, b""), &sink, image.area, &go_on);
    assert!(matches!(result, Err(Error::TooShort { what: "data", needed: 1_232_896, .. })), "{result:?}");
    assert!(sink.into_inner().unwrap().is_empty());
}

/// A device that says more than it has, or fails from some offset on.
struct Failing {
    len: u64,
    fails_at: u64,
    error: fn() -> io::Error,
}

impl BlockSource for Failing {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        buffer.fill(0);
        if offset + buffer.len() as u64 > self.fails_at { Err((self.error)()) } else { Ok(()) }
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len)
    }
}

impl BlockSink for Failing {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if offset + bytes.len() as u64 > self.fails_at { Err((self.error)()) } else { Ok(()) }
    }
}

/// Case 9: sources that shrink or fail, and sinks without room.
#[test]
fn failing_devices_are_typed_errors() {
    let len = 4096 * BLOCK as u64;
    let shrinks = Failing { len, fails_at: len / 2, error: || io::ErrorKind::UnexpectedEof.into() };
    let broken = Failing { len, fails_at: len / 2, error: || io::Error::from_raw_os_error(5) };
    let full = Failing { len: 0, fails_at: 8192, error: || io::Error::from_raw_os_error(28) };
    let sink = Mutex::new(Vec::new());
    let params = params(4096, b"");
    let result = build(&shrinks, &params, &sink, area(0), &go_on);
    assert!(
        matches!(result, Err(Error::Changed { what: "data", offset }) if offset == len / 2),
        "{result:?}"
    );
    let result = build(&broken, &params, &sink, area(0), &go_on);
    assert!(
        matches!(&result, Err(Error::Read { what: "data", offset, source })
            if *offset == len / 2 && source.raw_os_error() == Some(5)),
        "{result:?}"
    );
    let result = build(&vec![0; len as usize], &params, &full, area(0), &go_on);
    assert!(
        matches!(&result, Err(Error::Write { source, .. }) if source.raw_os_error() == Some(28)),
        "{result:?}"
    );

    let image = Image::of(vec![0; len as usize], params.clone(), area(0));
    let expected = expected(&params, &image.root, image.area);
    let result = verify(&broken, &image.hash, &expected, &go_on);
    assert!(matches!(&result, Err(VerifyError::Error(Error::Read { what: "data", .. }))), "{result:?}");
    let bare = Expected { area: HashArea::without_superblock(0), ..expected };
    let result = verify(&image.data, &Failing { fails_at: 8192, ..broken }, &bare, &go_on);
    let error = result.unwrap_err();
    assert!(matches!(&error, VerifyError::Error(Error::Read { what: "hash area", .. })), "{error}");
    assert!(!error.is_failure());
}

#[test]
fn progress_counts_the_data_once_and_cancels() {
    let image = Image::new(1000, 17);
    let bytes = AtomicU64::new(0);
    let count = |done: u64| bytes.fetch_add(done, Ordering::Relaxed) < 1 << 20;
    let result = build(&image.data, &image.params, &Mutex::new(Vec::new()), image.area, &count);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    let expected = expected(&image.params, &image.root, image.area);
    bytes.store(0, Ordering::Relaxed);
    let result = verify(&image.data, &image.hash, &expected, &count);
    assert!(matches!(result, Err(VerifyError::Error(Error::Cancelled))), "{result:?}");

    let all = |done: u64| {
        bytes.fetch_add(done, Ordering::Relaxed);
        true
    };
    for data_blocks in [1, 1000, 16_385] {
        let image = Image::new(data_blocks, 18);
        bytes.store(0, Ordering::Relaxed);
        build(&image.data, &image.params, &Mutex::new(Vec::new()), image.area, &all).unwrap();
        assert_eq!(bytes.load(Ordering::Relaxed), image.data.len() as u64);
        bytes.store(0, Ordering::Relaxed);
        verify(&image.data, &image.hash, &common::expected(&image.params, &image.root, image.area), &all)
            .unwrap();
        assert_eq!(bytes.load(Ordering::Relaxed), image.data.len() as u64);
    }
}

#[test]
fn random_superblocks_and_tables_do_not_panic() {
    let mut random = Random(19);
    let superblock = Superblock { params: params(300, &[5; 32]), uuid: Uuid::from_bytes([3; 16]) }.encode();
    let table =
        format!("1 /dev/a /dev/b 4096 4096 300 1 sha256 {} aabb 1 ignore_corruption", "ab".repeat(32));
    let cmdline = format!("quiet roothash={} dm-mod.create=\"r,,,ro,0 8 verity {table}\"", "cd".repeat(32));
    for _ in 0..20_000 {
        let mut bytes = superblock;
        for _ in 0..=below(&mut random, 4) {
            bytes[below(&mut random, 512)] = random.next() as u8;
        }
        if let Ok(superblock) = Superblock::parse(&bytes) {
            assert_eq!(superblock.encode(), bytes);
            let _ = Layout::new(&superblock.params, area(random.next() / 512 * 512));
        }
        let mut text = cmdline.clone().into_bytes();
        let at = below(&mut random, text.len());
        text[at] = b" \"=,;\\-0az"[below(&mut random, 10)];
        text.truncate(text.len() - below(&mut random, 3));
        let _ = hardpan_verity::table::find_in_cmdline(&String::from_utf8(text).unwrap());
    }
}

fn below(random: &mut Random, limit: usize) -> usize {
    random.next() as usize % limit
}
