//! A small image with everything that belongs to it, sound or damaged as an input says.

use std::num::NonZeroU64;
use std::sync::Mutex;

use hardpan_verity::fec::{Damaged, FecArea, FecLayout, Roots, encode};
use hardpan_verity::{
    BlockSink, BlockSize, Expected, HashArea, HashType, Params, RootHash, Salt, Superblock, Uuid, build,
};

use super::take::Take;

/// The size of every block in bytes; the smallest that there is, so that few bytes make many blocks.
pub(crate) const BLOCK: usize = 512;

/// Data, hash device and parity.
#[derive(Clone)]
pub(crate) struct Image {
    /// In this order.
    pub(crate) devices: [Vec<u8>; 3],
    pub(crate) expected: Expected,
    pub(crate) layout: FecLayout,
}

impl Image {
    /// So many data blocks, and a tree of two levels if there are more than 16.
    pub(crate) fn new(blocks: u8, hash_type: HashType, roots: u64) -> Self {
        // SplitMix64, so that blocks differ.
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 27)).to_le_bytes()
        };
        let data: Vec<u8> = (0..usize::from(blocks) * BLOCK / 8).flat_map(|_| next()).collect();
        let params = params(blocks, hash_type);
        let area = HashArea::with_superblock(0).expect("it is aligned");
        let sink = Mutex::new(Vec::new());
        let root = build(&data, &params, &sink, area, &go_on).expect("memory does not fail");
        let superblock = Superblock { params: params.clone(), uuid: Uuid::from_bytes([1; 16]) };
        sink.write_all_at(&superblock.encode(), 0).expect("memory does not fail");
        Self::with_parity(data, unlock(sink), params, root, area, roots)
    }

    fn with_parity(
        data: Vec<u8>,
        hash: Vec<u8>,
        params: Params,
        root: RootHash,
        area: HashArea,
        roots: u64,
    ) -> Self {
        let roots = Roots::new(roots).expect("it is one of the kernel's");
        let fec = FecArea { roots, offset: 0, on_data_device: false, on_hash_device: false };
        let layout = FecLayout::new(&params, area, fec, hash.len() as u64).expect("it fits");
        let sink = Mutex::new(Vec::new());
        encode(&data, &hash, &layout, &sink, &go_on).expect("memory does not fail");
        let mut expected = Expected::new(params, root, area);
        expected.uuid = Some(Uuid::from_bytes([1; 16]));
        Self { devices: [data, hash, unlock(sink)], expected, layout }
    }

    /// With the damage that an input describes, until it ends: which device, where, and what is done there.
    pub(crate) fn damage(&mut self, input: &mut Take<'_>) {
        while !input.is_empty() {
            let kind = input.byte();
            let device = &mut self.devices[usize::from(kind % 4).min(2)];
            let at = usize::from(input.short());
            match kind >> 2 & 7 {
                0 => device.truncate(at),
                1 => device.resize((device.len() + at % BLOCK).min(1 << 16), 0),
                2 => noise(device, at, input.byte()),
                3 => copy(device, at, input.short()),
                _ => {
                    let mask = input.byte();
                    let len = device.len().max(1);
                    device.get_mut(at % len).into_iter().for_each(|byte| *byte ^= mask);
                }
            }
        }
    }

    pub(crate) fn damaged(&self) -> Damaged<'_> {
        let [data, hash, fec] = &self.devices;
        Damaged { data, hash, fec, layout: &self.layout, expected: &self.expected }
    }

    /// Whether the device is the other's, but for zeros at its end.
    pub(crate) fn is_same(&self, other: &Self, device: usize) -> bool {
        let (ours, theirs) = (&self.devices[device], &other.devices[device]);
        let common = ours.len().min(theirs.len());
        let rest = [&ours[common..], &theirs[common..]].concat();
        ours[..common] == theirs[..common] && rest.iter().all(|byte| *byte == 0)
    }
}

fn params(blocks: u8, hash_type: HashType) -> Params {
    let count = NonZeroU64::new(blocks.into()).expect("there is a block");
    let mut params = Params::new(count, Salt::new(b"salt").expect("it is short"));
    params.hash_type = hash_type;
    params.data_block_size = BlockSize::new(512).expect("it is the smallest");
    params.hash_block_size = params.data_block_size;
    params
}

/// All of a block replaced.
fn noise(device: &mut [u8], block: usize, seed: u8) {
    let block = block % (device.len() / BLOCK).max(1);
    for (at, byte) in device.iter_mut().skip(block * BLOCK).take(BLOCK).enumerate() {
        *byte =
            seed.wrapping_mul(31).wrapping_add(at.to_le_bytes()[0].wrapping_mul(73)) ^ at.to_le_bytes()[1];
    }
}

/// A block in the place of another.
fn copy(device: &mut [u8], from: usize, to: u16) {
    let blocks = (device.len() / BLOCK).max(1);
    let (from, to) = (from % blocks * BLOCK, usize::from(to) % blocks * BLOCK);
    if from.max(to) + BLOCK <= device.len() {
        device.copy_within(from..from + BLOCK, to);
    }
}

pub(crate) fn go_on(_: u64) -> bool {
    true
}

pub(crate) fn unlock<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().expect("nobody panics with it")
}

/// Damage of one kind at one place: what [`Image::damage`] reads.
pub(crate) fn blow(device: u8, kind: u8, at: u16, more: &[u8]) -> Vec<u8> {
    [&[kind << 2 | device], &at.to_le_bytes()[..], more].concat()
}
