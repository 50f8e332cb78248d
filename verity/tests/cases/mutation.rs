//! Every bit of an image counts: one that is flipped is found.

use std::num::NonZeroU64;
use std::sync::Mutex;

use crate::common::{Random, area, go_on, params};
use hardpan_verity::{
    BlockSink, BlockSize, Expected, HashArea, Params, SUPERBLOCK_SIZE, Superblock, Uuid, VerifyError, build,
    verify,
};

/// Data and hash area, which may be one, with zeros after both.
struct Image {
    data: Vec<u8>,
    hash: Option<Vec<u8>>,
    expected: Expected,
}

impl Image {
    /// An image of so many data blocks of 512 bytes. Between superblock and tree there is room if a hash block is larger.
    fn new(data_blocks: usize, hash_block_size: u32, one_device: bool) -> Self {
        let mut params: Params = params(data_blocks, b"salt");
        params.data_block_size = BlockSize::MIN;
        params.hash_block_size = BlockSize::new(hash_block_size).unwrap();
        params.data_blocks = NonZeroU64::new(data_blocks as u64).unwrap();
        let data = Random(400).bytes(data_blocks * 512);
        let area = if one_device { HashArea::after_data(&params, true).unwrap() } else { area(0) };
        let sink = Mutex::new(if one_device { data.clone() } else { Vec::new() });
        let root = build(&data, &params, &sink, area, &go_on).unwrap();
        let uuid = Uuid::from_bytes([0x5a; 16]);
        sink.write_all_at(&Superblock { params: params.clone(), uuid }.encode(), area.offset()).unwrap();
        let mut made = sink.into_inner().unwrap();
        made.resize(made.len() + 700, 0);
        let mut expected = Expected::new(params, root, area);
        (expected.uuid, expected.one_device) = (Some(uuid), one_device);
        if one_device {
            return Self { data: made, hash: None, expected };
        }
        Self { data: [data, vec![0; 300]].concat(), hash: Some(made), expected }
    }

    fn data(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    fn hash(&mut self) -> &mut Vec<u8> {
        self.hash.as_mut().unwrap_or(&mut self.data)
    }

    fn verify(&self) -> Result<(), VerifyError> {
        let hash = self.hash.as_ref().unwrap_or(&self.data);
        verify(&self.data, hash, &self.expected, &go_on).map(|_| ())
    }

    /// Flips a bit of what `bytes` picks, expects that to be found, and flips it back.
    fn flip(&mut self, bytes: fn(&mut Self) -> &mut Vec<u8>, byte: usize, bit: u32) {
        bytes(self)[byte] ^= 1 << bit;
        match self.verify() {
            Err(error) if error.is_failure() => {}
            // A version or an algorithm that might exist.
            Err(VerifyError::Superblock(error)) if error.is_unsupported() => {}
            other => panic!("byte {byte} bit {bit}: {other:?}"),
        }
        bytes(self)[byte] ^= 1 << bit;
    }
}

#[test]
fn every_flipped_bit_of_the_superblock_is_found() {
    for one_device in [false, true] {
        let mut image = Image::new(5, 1024, one_device);
        image.verify().unwrap();
        let start = image.expected.area.offset() as usize;
        for byte in start..start + SUPERBLOCK_SIZE {
            for bit in 0..8 {
                image.flip(Image::hash, byte, bit);
            }
        }
        image.verify().unwrap();
    }
}

#[test]
fn each_of_ten_thousand_flipped_bits_elsewhere_is_found() {
    let mut random = Random(401);
    // Levels of 3 and 1 blocks; of 19, 2 and 1; one data block alone.
    let shapes = [(70, 1024, false), (300, 512, false), (70, 1024, true), (1, 2048, true)];
    for (data_blocks, hash_block_size, one_device) in shapes {
        let mut image = Image::new(data_blocks, hash_block_size, one_device);
        image.verify().unwrap();
        for round in 0..2500 {
            let bytes: fn(&mut Image) -> &mut Vec<u8> =
                if round % 2 == 0 { Image::data } else { Image::hash };
            let byte = random.next() as usize % bytes(&mut image).len();
            image.flip(bytes, byte, (random.next() % 8) as u32);
        }
        image.verify().unwrap();
    }
}
