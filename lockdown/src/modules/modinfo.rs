//! What a module says of itself: the section `.modinfo`, which is strings `key=value` that end with a zero each, and the
//! signature behind the file.

use thiserror::Error;

use super::{elf, normal};

/// What a module says of itself, as far as loading it depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModInfo {
    /// The name that the kernel lists it by; files older than Linux 4.17 do not say it.
    pub name: Option<String>,
    /// Modules that must be loaded before it, in the form of [`normal`].
    pub depends: Vec<String>,
    /// `softdep=`: modules or aliases that should be loaded before it, as they are written.
    pub soft_before: Vec<String>,
    /// Likewise, after it.
    pub soft_after: Vec<String>,
    /// The release and the options of the kernel that it was built for: `6.1.0-41-amd64 SMP preempt mod_unload modversions`.
    pub version_magic: Option<String>,
    /// The names of its parameters.
    pub parameters: Vec<String>,
}

/// Whether a signature is appended to a module. What it is worth only the kernel can tell, which has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleSignature {
    /// None.
    Absent,
    /// One of so many bytes.
    Appended {
        /// The length of the signature itself.
        bytes: u32,
    },
}

/// Why a file cannot be taken for a module.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// A structure of ELF has a value that it cannot have.
    #[error("ELF file, offset {offset}: {reason}")]
    Malformed {
        /// Where, in bytes.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// It does not begin as an ELF file does.
    #[error("it is no ELF file")]
    NoElf,
    /// It has no section `.modinfo`, without which the kernel loads nothing.
    #[error("it has no section .modinfo: it is no kernel module")]
    NoModinfo,
    /// The marker of a signature is there, and what is before it is none.
    #[error("the signature behind the module is damaged: {reason}")]
    Signature {
        /// What is wrong.
        reason: &'static str,
    },
}

impl ModInfo {
    /// Reads a whole module file, out of any compression.
    pub fn read(file: &[u8]) -> Result<Self, ModuleError> {
        let mut info = Self::default();
        for line in elf::section(file, ".modinfo")?.split(|byte| *byte == 0) {
            let text = String::from_utf8_lossy(line);
            let Some((key, value)) = text.split_once('=') else { continue };
            match key {
                "name" => info.name = Some(normal(value)),
                "depends" => {
                    info.depends.extend(value.split(',').filter(|name| !name.is_empty()).map(normal));
                }
                "softdep" => info.soft(value),
                "vermagic" => info.version_magic = Some(value.trim_end().to_owned()),
                "parm" => info.parameters.extend(value.split(':').next().map(str::to_owned)),
                _ => {}
            }
        }
        Ok(info)
    }

    /// `pre: a b post: c`; there may be several such lines.
    fn soft(&mut self, text: &str) {
        let mut list = None;
        for word in text.split_ascii_whitespace() {
            match (word, list) {
                ("pre:", _) => list = Some(true),
                ("post:", _) => list = Some(false),
                (name, Some(true)) => self.soft_before.push(name.to_owned()),
                (name, Some(false)) => self.soft_after.push(name.to_owned()),
                // Before the first list nothing has a meaning.
                (_, None) => {}
            }
        }
    }
}

impl ModuleSignature {
    /// Looks behind the module. The format is `struct module_signature` of the kernel's include/linux/module_signature.h: the
    /// signature, twelve bytes of which the last four are its length, and a marker.
    pub fn of(file: &[u8]) -> Result<Self, ModuleError> {
        let Some(before) = file.strip_suffix(MARKER) else { return Ok(Self::Absent) };
        let damaged = |reason| ModuleError::Signature { reason };
        let (rest, info) =
            before.split_last_chunk::<12>().ok_or_else(|| damaged("the file ends within it"))?;
        let [_, _, kind, signer, key_id, .., a, b, c, d] = *info;
        if (kind, signer, key_id) != (PKCS7, 0, 0) {
            return Err(damaged("it is not PKCS#7, which is all that kernels have taken since 4.3"));
        }
        let bytes = u32::from_be_bytes([a, b, c, d]);
        if bytes == 0 || u64::from(bytes) >= rest.len() as u64 {
            return Err(damaged("its length is not within the file"));
        }
        Ok(Self::Appended { bytes })
    }
}

/// What stands at the end of a signed module.
const MARKER: &[u8] = b"~Module signature appended~\n";
/// `PKEY_ID_PKCS7`.
const PKCS7: u8 = 2;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A little-endian ELF file of 64 bits with a section `.modinfo` of these strings.
    pub(crate) fn module(strings: &[&str]) -> Vec<u8> {
        let info: Vec<u8> = strings.iter().flat_map(|text| text.bytes().chain([0])).collect();
        let names = b"\0.modinfo\0.shstrtab\0";
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[16] = 1;
        let (info_at, names_at) = (file.len() as u64, (64 + info.len()) as u64);
        file.extend(&info);
        file.extend(names);
        let table = file.len() as u64;
        let sections =
            [(0u32, 0u32, 0, 0), (1, 1, info_at, info.len() as u64), (10, 3, names_at, names.len() as u64)];
        for (name, kind, offset, size) in sections {
            let mut header = [0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[4..8].copy_from_slice(&kind.to_le_bytes());
            header[24..32].copy_from_slice(&offset.to_le_bytes());
            header[32..40].copy_from_slice(&size.to_le_bytes());
            file.extend(header);
        }
        file[40..48].copy_from_slice(&table.to_le_bytes());
        file[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
        file
    }

    #[test]
    fn the_strings_are_read() {
        let file = module(&[
            "license=GPL",
            "depends=dm-mod,dm-bufio",
            "softdep=pre: crc32c other post: later",
            "parm=require_signatures:Verify the roothash of dm-verity hash tree",
            "parmtype=require_signatures:bool",
            "name=dm_verity",
            "vermagic=6.1.0 SMP mod_unload ",
        ]);
        let info = ModInfo::read(&file).unwrap();
        assert_eq!(info.depends, ["dm_mod", "dm_bufio"]);
        assert_eq!(
            (info.soft_before.join(" "), info.soft_after.join(" ")),
            ("crc32c other".into(), "later".into())
        );
        assert_eq!(info.parameters, ["require_signatures"]);
        assert_eq!(
            (info.name.as_deref(), info.version_magic.as_deref()),
            (Some("dm_verity"), Some("6.1.0 SMP mod_unload"))
        );
        assert_eq!(ModInfo::read(&module(&["depends="])).unwrap().depends, Vec::<String>::new());
    }

    #[test]
    fn no_cut_and_no_flipped_byte_is_followed_out_of_the_file() {
        let file = module(&["name=x", "depends=a"]);
        for end in 0..file.len() {
            assert!(ModInfo::read(&file[..end]).is_err(), "{end}");
        }
        for at in 0..file.len() {
            for bit in [0, 7] {
                let mut changed = file.clone();
                changed[at] ^= 1 << bit;
                // Only that it returns: most bytes mean nothing here.
                let _ = ModInfo::read(&changed);
            }
        }
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert_eq!(ModInfo::read(b"MZ"), Err(ModuleError::NoElf));
        let mut program = module(&[]);
        program[16] = 2;
        assert!(matches!(ModInfo::read(&program), Err(ModuleError::Malformed { offset: 16, .. })));
        let mut other = module(&["name=x"]);
        let at = other.windows(8).position(|window| window == b".modinfo").unwrap();
        other[at] = b'-';
        assert_eq!(ModInfo::read(&other), Err(ModuleError::NoModinfo));
    }

    #[test]
    fn a_signature_is_told_from_none_and_from_a_damaged_one() {
        let file = module(&["name=x"]);
        assert_eq!(ModuleSignature::of(&file), Ok(ModuleSignature::Absent));
        let signed = |info: [u8; 12]| [&file[..], &[7; 40], &info, MARKER].concat();
        let good = signed([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 40]);
        assert_eq!(ModuleSignature::of(&good), Ok(ModuleSignature::Appended { bytes: 40 }));
        for wrong in [[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 40], [0, 0, 2, 0, 0, 0, 0, 0, 0xff, 0, 0, 0], [0; 12]]
        {
            assert!(
                matches!(ModuleSignature::of(&signed(wrong)), Err(ModuleError::Signature { .. })),
                "{wrong:?}"
            );
        }
        assert!(matches!(ModuleSignature::of(MARKER), Err(ModuleError::Signature { .. })));
    }
}
