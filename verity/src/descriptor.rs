//! A descriptor: what an image is to be, as JSON, to be kept (and signed) beside it.
//!
//! It has everything that decides a tree, so that nothing needs to be taken from a superblock. Reading is strict: a field
//! that is missing, unknown or there twice is an error, and so are numbers that do not agree with each other.

use std::num::NonZeroU64;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::error::{GeometryError, ParamError};
use crate::fec::{FecLayout, FecShape, Roots};
use crate::params::{Algorithm, BlockSize, HashType, Params, RootHash, Salt};
use crate::tree::layout::{HashArea, Layout};
use crate::uuid::Uuid;

/// What an image is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must decide")]
pub struct Descriptor {
    /// What decides the tree.
    pub params: Params,
    /// The root hash.
    pub root: RootHash,
    /// Where the hash area is on its device.
    pub area: HashArea,
    /// The UUID in the superblock, if there is a superblock.
    pub uuid: Option<Uuid>,
}

impl Descriptor {
    /// The version of the format that is read and written.
    pub const VERSION: u32 = 1;

    /// Reads a descriptor from all of `json`.
    pub fn parse(json: &[u8]) -> Result<Self, DescriptorError> {
        Self::parse_with_parity(json).map(|(descriptor, _)| descriptor)
    }

    /// The same, with what it says of parity, so that nobody has to say it again. What parity yields is proved by the root
    /// hash, so that a wrong shape does no harm.
    pub fn parse_with_parity(json: &[u8]) -> Result<(Self, Option<FecShape>), DescriptorError> {
        let fields: Fields = serde_json::from_slice(json)
            .map_err(|error| DescriptorError::Json { reason: error.to_string() })?;
        if fields.version != Self::VERSION {
            return Err(DescriptorError::Version { version: fields.version });
        }
        let descriptor = fields.read()?;
        // The numbers that follow from the others are there for readers; to be of use they must be right.
        let expected = Fields::of(&descriptor)?;
        let pairs = [
            ("hash_blocks", fields.hash_blocks, expected.hash_blocks),
            ("hash_start_block", fields.hash_start_block, expected.hash_start_block),
            ("hash_end", fields.hash_end, expected.hash_end),
        ];
        match pairs.into_iter().find(|(_, value, wanted)| value != wanted) {
            Some((field, value, wanted)) => Err(DescriptorError::Differs { field, value, wanted }),
            None => Ok((descriptor, fields.fec.map(FecFields::shape).transpose()?)),
        }
    }

    /// The descriptor as JSON, without a newline at the end. The same descriptor gives the same bytes.
    pub fn to_json(&self) -> Result<String, DescriptorError> {
        self.to_json_with(None)
    }

    /// The same with where the parity is, for tables and for who repairs. Parity decides nothing.
    pub fn to_json_with(&self, fec: Option<&FecLayout>) -> Result<String, DescriptorError> {
        let fields = Fields { fec: fec.map(FecFields::of), ..Fields::of(self)? };
        serde_json::to_string_pretty(&fields)
            .map_err(|error| DescriptorError::Json { reason: error.to_string() })
    }
}

/// Why a descriptor could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// A number does not follow from the others.
    #[error("descriptor, {field}: {value} does not agree with the other fields, from which {wanted} follows")]
    Differs {
        /// The field.
        field: &'static str,
        /// What it has.
        value: u64,
        /// What it should have.
        wanted: u64,
    },
    /// A geometry that cannot be.
    #[error("descriptor: {0}")]
    Geometry(#[from] GeometryError),
    /// No JSON, or other fields than a descriptor has.
    #[error("descriptor: {reason}")]
    Json {
        /// What is wrong, and where.
        reason: String,
    },
    /// A value that its field cannot have.
    #[error("descriptor, {field}: {error}")]
    Param {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        error: ParamError,
    },
    /// A value that its field cannot have.
    #[error("descriptor, {field}: {reason}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Another version, whose fields may mean something else.
    #[error("descriptor of version {version}, only {} is supported", Descriptor::VERSION)]
    Version {
        /// The version.
        version: u32,
    },
}

/// The fields, in the order in which they are written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u32,
    root_hash: String,
    hash_type: u32,
    algorithm: String,
    data_block_size: u32,
    hash_block_size: u32,
    data_blocks: u64,
    salt: String,
    superblock: bool,
    // Otherwise a missing field would read as null.
    #[serde(deserialize_with = "present")]
    uuid: Option<String>,
    hash_offset: u64,
    hash_start_block: u64,
    hash_blocks: u64,
    hash_end: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fec: Option<FecFields>,
}

/// Where the parity is.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FecFields {
    roots: usize,
    /// How many blocks are covered: `fec_blocks` of a kernel table.
    blocks: u64,
    offset: u64,
    /// `fec_start` of a kernel table.
    start_block: u64,
    size: u64,
}

impl FecFields {
    fn of(layout: &FecLayout) -> Self {
        Self {
            roots: layout.roots.get(),
            blocks: layout.covered_blocks(),
            offset: layout.parity_start,
            start_block: layout.parity_start / layout.block_size,
            size: layout.parity_size,
        }
    }
}

impl FecFields {
    fn shape(self) -> Result<FecShape, DescriptorError> {
        let roots = Roots::new(self.roots as u64);
        let roots =
            roots.map_err(|_| DescriptorError::Value { field: "fec", reason: "has not 2 to 24 roots" })?;
        Ok(FecShape { roots, offset: self.offset })
    }
}

impl Fields {
    fn of(descriptor: &Descriptor) -> Result<Self, GeometryError> {
        let Descriptor { params, root, area, uuid } = descriptor;
        let layout = Layout::new(params, *area)?;
        Ok(Self {
            version: Descriptor::VERSION,
            root_hash: root.to_string(),
            hash_type: params.hash_type.number(),
            algorithm: params.algorithm.name().to_owned(),
            data_block_size: params.data_block_size.bytes(),
            hash_block_size: params.hash_block_size.bytes(),
            data_blocks: params.data_blocks.get(),
            salt: params.salt.to_string(),
            superblock: area.has_superblock(),
            uuid: uuid.map(|uuid| uuid.to_string()),
            hash_offset: area.offset(),
            hash_start_block: layout.start / u64::from(params.hash_block_size.bytes()),
            hash_blocks: layout.tree_blocks(),
            hash_end: layout.end,
            fec: None,
        })
    }

    fn read(&self) -> Result<Descriptor, DescriptorError> {
        let params = self.params()?;
        let root = RootHash::parse(params.algorithm, &self.root_hash).map_err(in_field("root_hash"))?;
        let area = if self.superblock {
            HashArea::with_superblock(self.hash_offset)?
        } else {
            HashArea::without_superblock(self.hash_offset)
        };
        let uuid = self.uuid.as_deref().map(str::parse).transpose().map_err(in_field("uuid"))?;
        let wrong = |reason| Err(DescriptorError::Value { field: "uuid", reason });
        match (self.superblock, uuid) {
            (true, None) => wrong("is null, but there is a superblock"),
            (false, Some(_)) => wrong("is there, but no superblock to have it"),
            _ => Ok(Descriptor { params, root, area, uuid }),
        }
    }

    fn params(&self) -> Result<Params, DescriptorError> {
        let wrong = |field, reason| DescriptorError::Value { field, reason };
        let size = |field, bytes| BlockSize::new(bytes).map_err(in_field(field));
        Ok(Params {
            hash_type: HashType::from_number(self.hash_type)
                .ok_or(wrong("hash_type", "is neither 0 nor 1"))?,
            algorithm: self.algorithm.parse::<Algorithm>().map_err(in_field("algorithm"))?,
            data_block_size: size("data_block_size", self.data_block_size)?,
            hash_block_size: size("hash_block_size", self.hash_block_size)?,
            data_blocks: NonZeroU64::new(self.data_blocks).ok_or(wrong("data_blocks", "is 0"))?,
            salt: self.salt.parse::<Salt>().map_err(in_field("salt"))?,
        })
    }
}

fn in_field(field: &'static str) -> impl FnOnce(ParamError) -> DescriptorError {
    move |error| DescriptorError::Param { field, error }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sample() -> Descriptor {
        let mut params = Params::new(NonZeroU64::new(300).unwrap(), Salt::new(&[7; 3]).unwrap());
        params.algorithm = Algorithm::Sha512;
        Descriptor {
            params,
            root: RootHash::parse(Algorithm::Sha512, &"ab".repeat(64)).unwrap(),
            area: HashArea::with_superblock(300 * 4096).unwrap(),
            uuid: Some(Uuid::from_bytes([9; 16])),
        }
    }

    fn fields() -> Value {
        serde_json::from_str(&sample().to_json().unwrap()).unwrap()
    }

    #[test]
    fn what_was_written_reads_back() {
        let mut bare = sample();
        (bare.area, bare.uuid) = (HashArea::without_superblock(0), None);
        bare.params.salt = Salt::default();
        for descriptor in [sample(), bare] {
            let json = descriptor.to_json().unwrap();
            assert_eq!(Descriptor::parse(json.as_bytes()).unwrap(), descriptor, "{json}");
            assert!(Descriptor::parse(format!("{json} x").as_bytes()).is_err());
            assert!(Descriptor::parse(&json.as_bytes()[..json.len() - 1]).is_err());
        }
    }

    #[test]
    fn every_field_is_needed_and_no_other_is_taken() {
        let names: Vec<String> = fields().as_object().unwrap().keys().cloned().collect();
        assert_eq!(names.len(), 14);
        for name in names {
            let mut fields = fields();
            let value = fields.as_object_mut().unwrap().remove(&name).unwrap();
            let error = Descriptor::parse(fields.to_string().as_bytes()).unwrap_err().to_string();
            assert!(error.contains("missing field") && error.contains(&name), "{error}");
            let twice = format!("{{\"{name}\": {value}, {}", &self::fields().to_string()[1..]);
            let error = Descriptor::parse(twice.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("duplicate field") && error.contains(&name), "{error}");
        }
        let mut fields = fields();
        fields["comment"] = json!("x");
        let error = Descriptor::parse(fields.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains("unknown field `comment`"), "{error}");
    }

    #[test]
    fn wrong_values_are_named() {
        let cases = [
            ("version", json!(2)),
            ("root_hash", json!("ab")),
            ("hash_type", json!(2)),
            ("algorithm", json!("md5")),
            ("data_block_size", json!(3000)),
            ("hash_block_size", json!(256)),
            ("data_blocks", json!(0)),
            ("salt", json!("")),
            ("uuid", json!("x")),
            ("uuid", json!(null)),
            ("hash_offset", json!(511)),
            ("hash_start_block", json!(300)),
            ("hash_blocks", json!(0)),
            ("hash_end", json!(-1)),
            ("hash_end", json!(1)),
            ("superblock", json!(1)),
        ];
        for (name, value) in cases {
            let mut fields = fields();
            fields[name] = value.clone();
            let error = Descriptor::parse(fields.to_string().as_bytes()).unwrap_err().to_string();
            let named = error.contains(name) || name == "superblock" || value == -1 || name == "hash_offset";
            assert!(named, "{name}: {error}");
        }
        let mut bare = fields();
        bare["superblock"] = json!(false);
        assert!(matches!(
            Descriptor::parse(bare.to_string().as_bytes()),
            Err(DescriptorError::Value { field: "uuid", .. })
        ));
    }
}
