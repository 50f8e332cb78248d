//! Whether what boots an image describes that image: tables, command lines, veritytab and signature partitions held
//! against a superblock, a tree and a root hash.

mod field;

use std::fmt;

use crate::dps::partition_uuids;
use crate::error::Error;
use crate::hex::Digits;
use crate::params::{Algorithm, BlockSize, HashType, Params, RootHash};
use crate::table::systemd::{SystemdDevice, SystemdOptions, VeritytabEntry};
use crate::table::{CreatedTarget, TableLine, VerityTable};
use crate::tree::layout::{HashArea, Layout};
use crate::uuid::Uuid;

pub use field::DescribedField;

/// What is said of an image. What is `None` is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Description {
    /// The root hash, in bytes.
    pub root: Option<Vec<u8>>,
    /// The hash type.
    pub hash_type: Option<u32>,
    /// The algorithm's name.
    pub algorithm: Option<String>,
    /// The data block size in bytes.
    pub data_block_size: Option<u32>,
    /// The hash block size in bytes.
    pub hash_block_size: Option<u32>,
    /// The number of data blocks.
    pub data_blocks: Option<u64>,
    /// The salt; empty for none.
    pub salt: Option<Vec<u8>>,
    /// Whether there is a superblock.
    pub superblock: Option<bool>,
    /// The UUID in the superblock.
    pub uuid: Option<Uuid>,
    /// Where the hash area starts, in bytes.
    pub hash_offset: Option<u64>,
    /// The hash block with which the tree starts.
    pub hash_start_block: Option<u64>,
    /// The sector of the mapped device with which the target starts; before any but 0 there is something else.
    pub start_sector: Option<u64>,
    /// The length of the mapped device in sectors of 512 bytes.
    pub sectors: Option<u64>,
    /// The UUID of the partition with the data.
    pub data_partition: Option<Uuid>,
    /// The UUID of the partition with the hash area.
    pub hash_partition: Option<Uuid>,
}

/// An image, to be compared.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Image<'a> {
    /// What decides its tree.
    pub params: &'a Params,
    /// Where the hash area is.
    pub area: HashArea,
    /// The UUID in the superblock, if there is one.
    pub uuid: Option<Uuid>,
    /// The root hash.
    pub root: &'a RootHash,
}

/// A field in which a description and an image do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disagreement {
    /// The field.
    pub field: DescribedField,
    /// What the description says.
    pub described: String,
    /// What the image has.
    pub image: String,
}

impl Description {
    /// Every field in which `image` is not what is described, in the order of [`DescribedField`].
    ///
    /// # Errors
    ///
    /// The image's own geometry cannot be.
    pub fn disagreements(&self, image: &Image<'_>) -> Result<Vec<Disagreement>, Error> {
        let params = image.params;
        let layout = Layout::new(params, image.area)?;
        let hash_block = u64::from(params.hash_block_size.bytes());
        let yes_no = |yes| if yes { "yes" } else { "no" };
        let partitions = partition_uuids(image.root.as_bytes());
        let partition = |uuid: Option<Uuid>| uuid.map_or_else(|| "none".to_owned(), |uuid| uuid.to_string());
        let mut found = Found(Vec::new());
        found.hold(DescribedField::RootHash, self.root.as_deref().map(Digits), image.root);
        found.hold(DescribedField::HashType, self.hash_type, params.hash_type.number());
        found.hold(DescribedField::Algorithm, self.algorithm.as_ref(), params.algorithm.name());
        found.hold(DescribedField::DataBlockSize, self.data_block_size, params.data_block_size.bytes());
        found.hold(DescribedField::HashBlockSize, self.hash_block_size, params.hash_block_size.bytes());
        found.hold(DescribedField::DataBlocks, self.data_blocks, params.data_blocks);
        found.hold(DescribedField::Salt, self.salt.as_deref().map(salt), &params.salt);
        found.hold(
            DescribedField::Superblock,
            self.superblock.map(yes_no),
            yes_no(image.area.has_superblock()),
        );
        found.hold(DescribedField::Uuid, self.uuid, partition(image.uuid));
        found.hold(DescribedField::HashOffset, self.hash_offset, image.area.offset());
        found.hold(DescribedField::HashStart, self.hash_start_block, layout.start / hash_block);
        found.hold(DescribedField::StartSector, self.start_sector, 0);
        found.hold(DescribedField::Sectors, self.sectors, layout.data_end / SECTOR);
        found.hold(
            DescribedField::DataPartition,
            self.data_partition,
            partition(partitions.map(|(data, _)| data)),
        );
        found.hold(
            DescribedField::HashPartition,
            self.hash_partition,
            partition(partitions.map(|(_, hash)| hash)),
        );
        Ok(found.0)
    }
}

impl From<&VerityTable> for Description {
    fn from(table: &VerityTable) -> Self {
        Self {
            root: Some(table.root.clone()),
            hash_type: Some(table.hash_type),
            algorithm: Some(table.algorithm.clone()),
            data_block_size: Some(table.data_block_size),
            hash_block_size: Some(table.hash_block_size),
            data_blocks: Some(table.data_blocks),
            salt: Some(table.salt.clone()),
            hash_start_block: Some(table.hash_start_block),
            ..Self::default()
        }
    }
}

impl From<&CreatedTarget> for Description {
    fn from(target: &CreatedTarget) -> Self {
        let (start_sector, sectors) = (Some(target.start_sector), Some(target.sectors));
        Self { start_sector, sectors, ..Self::from(&target.table) }
    }
}

impl From<&TableLine> for Description {
    fn from(line: &TableLine) -> Self {
        let (start_sector, sectors) = line.range.unzip();
        Self { start_sector, sectors, ..Self::from(&line.table) }
    }
}

impl From<&SystemdOptions> for Description {
    /// What is not said is what systemd takes then: a superblock at the start, which decides the rest, or without one
    /// type 1, sha256 and blocks of 4096 bytes from the start.
    fn from(options: &SystemdOptions) -> Self {
        let said = Self {
            hash_type: options.hash_type.map(HashType::number),
            algorithm: options.algorithm.clone(),
            data_block_size: options.data_block_size.map(BlockSize::bytes),
            hash_block_size: options.hash_block_size.map(BlockSize::bytes),
            data_blocks: options.data_blocks,
            salt: options.salt.as_ref().map(|salt| salt.as_bytes().to_vec()),
            uuid: options.uuid,
            ..Self::default()
        };
        let offset = options.hash_offset.unwrap_or(0);
        if options.superblock != Some(false) {
            return Self { superblock: Some(true), hash_offset: Some(offset), ..said };
        }
        // A superblock before the tree is no matter to who does not read it: the tree's place alone must be right.
        let hash_block = said.hash_block_size.unwrap_or(BlockSize::DEFAULT.bytes());
        let start = offset.is_multiple_of(hash_block.into()).then(|| offset / u64::from(hash_block));
        Self {
            hash_type: Some(said.hash_type.unwrap_or(HashType::V1.number())),
            algorithm: Some(said.algorithm.unwrap_or_else(|| Algorithm::Sha256.name().to_owned())),
            data_block_size: Some(said.data_block_size.unwrap_or(BlockSize::DEFAULT.bytes())),
            hash_block_size: Some(hash_block),
            hash_start_block: start,
            hash_offset: start.is_none().then_some(offset),
            // It is in the superblock, which is not read.
            uuid: None,
            ..said
        }
    }
}

impl From<&SystemdDevice> for Description {
    fn from(device: &SystemdDevice) -> Self {
        Self { root: Some(device.root.clone()), ..Self::from(&device.options) }
    }
}

impl From<&VeritytabEntry> for Description {
    fn from(entry: &VeritytabEntry) -> Self {
        Self { root: Some(entry.root.clone()), ..Self::from(&entry.options) }
    }
}

#[cfg(feature = "json")]
impl From<&crate::dps::SignaturePartition> for Description {
    fn from(partition: &crate::dps::SignaturePartition) -> Self {
        Self { root: Some(partition.root.clone()), ..Self::default() }
    }
}

struct Found(Vec<Disagreement>);

impl Found {
    /// Notes what is said and is not so. Texts are compared: numbers have one each, and hexadecimal digits are lower case.
    fn hold(
        &mut self,
        field: DescribedField,
        described: Option<impl fmt::Display>,
        image: impl fmt::Display,
    ) {
        let Some(described) = described.map(|described| described.to_string()) else { return };
        let image = image.to_string();
        if described != image {
            self.0.push(Disagreement { field, described, image });
        }
    }
}

fn salt(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { Digits(bytes).to_string() }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: described as {}, the image has {}", self.field, self.described, self.image)
    }
}

/// What device-mapper counts in, in bytes.
const SECTOR: u64 = 512;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::params::Salt;

    fn params() -> Params {
        Params::new(NonZeroU64::new(300).unwrap(), Salt::new(&[0xaa, 0xbb]).unwrap())
    }

    fn root() -> RootHash {
        RootHash::parse(Algorithm::Sha256, &("0123456789abcdef".repeat(2) + &"fedcba9876543210".repeat(2)))
            .unwrap()
    }

    fn image<'a>(params: &'a Params, root: &'a RootHash) -> Image<'a> {
        let area = HashArea::with_superblock(4096).unwrap();
        Image { params, area, uuid: Some(Uuid::from_bytes([7; 16])), root }
    }

    /// Everything as it is, and then each field otherwise: just that field is named.
    #[test]
    fn each_field_that_differs_is_named_alone() {
        use DescribedField as Field;
        type Change = fn(&mut Description);
        let (params, root) = (params(), root());
        let image = image(&params, &root);
        let (data, hash) = partition_uuids(root.as_bytes()).unwrap();
        let right = Description {
            root: Some(root.as_bytes().to_vec()),
            hash_type: Some(1),
            algorithm: Some("sha256".into()),
            data_block_size: Some(4096),
            hash_block_size: Some(4096),
            data_blocks: Some(300),
            salt: Some(vec![0xaa, 0xbb]),
            superblock: Some(true),
            uuid: image.uuid,
            hash_offset: Some(4096),
            hash_start_block: Some(2),
            start_sector: Some(0),
            sectors: Some(2400),
            data_partition: Some(data),
            hash_partition: Some(hash),
        };
        assert_eq!(right.disagreements(&image).unwrap(), []);
        assert_eq!(Description::default().disagreements(&image).unwrap(), []);
        let wrong: [(Field, Change); 15] = [
            (Field::RootHash, |said| said.root.as_mut().unwrap()[31] ^= 1),
            (Field::HashType, |said| said.hash_type = Some(0)),
            (Field::Algorithm, |said| said.algorithm = Some("sha3-256".into())),
            (Field::DataBlockSize, |said| said.data_block_size = Some(512)),
            (Field::HashBlockSize, |said| said.hash_block_size = Some(512)),
            (Field::DataBlocks, |said| said.data_blocks = Some(301)),
            (Field::Salt, |said| said.salt = Some(vec![])),
            (Field::Superblock, |said| said.superblock = Some(false)),
            (Field::Uuid, |said| said.uuid = Some(Uuid::from_bytes([8; 16]))),
            (Field::HashOffset, |said| said.hash_offset = Some(0)),
            (Field::HashStart, |said| said.hash_start_block = Some(1)),
            (Field::StartSector, |said| said.start_sector = Some(8)),
            (Field::Sectors, |said| said.sectors = Some(2408)),
            (Field::DataPartition, |said| said.data_partition = said.hash_partition),
            (Field::HashPartition, |said| said.hash_partition = said.data_partition),
        ];
        for (field, change) in wrong {
            let mut said = right.clone();
            change(&mut said);
            let found = said.disagreements(&image).unwrap();
            let fields: Vec<Field> = found.iter().map(|found| found.field).collect();
            assert_eq!(fields, [field]);
        }
    }

    #[test]
    fn a_table_made_for_an_image_describes_it() {
        let (params, root) = (params(), root());
        let image = image(&params, &root);
        let table = VerityTable::new(&params, image.area, &root, "a", "b").unwrap();
        assert_eq!(Description::from(&table).disagreements(&image).unwrap(), []);
        let bare = Image { uuid: None, area: HashArea::without_superblock(4096), ..image };
        let text: Vec<String> =
            Description::from(&table).disagreements(&bare).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(text, ["hash start block: described as 2, the image has 1"]);
    }

    #[test]
    fn systemd_expects_a_superblock_at_the_start_unless_told() {
        let (params, root) = (params(), root());
        let image = image(&params, &root);
        let found = |options: &str| {
            let options = SystemdOptions::parse(options).unwrap();
            let found = Description::from(&options).disagreements(&image).unwrap();
            found.iter().map(|found| found.field).collect::<Vec<_>>()
        };
        assert_eq!(found(""), [DescribedField::HashOffset]);
        assert_eq!(found("hash-offset=4096"), []);
        // The superblock is at 4096 and the tree at 8192.
        assert_eq!(found("hash-offset=4096,superblock=no"), [DescribedField::HashStart]);
        assert_eq!(found("hash-offset=8192,superblock=no,data-blocks=300,salt=aabb"), []);
        assert_eq!(found("hash-offset=8704,superblock=no"), [DescribedField::HashOffset]);
        assert_eq!(found("hash-offset=8192,superblock=no,hash=sha1"), [DescribedField::Algorithm]);
        assert_eq!(
            found("hash-offset=4096,hash=sha1,salt=-"),
            [DescribedField::Algorithm, DescribedField::Salt]
        );
    }
}
