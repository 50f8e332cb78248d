//! The dynamic segment, read the way the loader reads it: from `p_vaddr`, up to `DT_NULL`, whatever `p_filesz` says.

use object::elf::{
    DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DF_TEXTREL, DT_AUDIT, DT_AUXILIARY, DT_BIND_NOW, DT_DEPAUDIT, DT_FILTER,
    DT_FLAGS, DT_FLAGS_1, DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB,
    DT_TEXTREL, DynamicTag, PT_DYNAMIC,
};

use crate::ElfError;
use crate::facts::strings::Strings;
use crate::facts::{Anomaly, Segments};
use crate::reader::{Reader, Table};

/// The dynamic segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    offset: u64,
    entry_size: u64,
    entries: Box<[(i64, u64)]>,
    /// The strings that entries name, or why they cannot be read.
    pub names: Result<Names, ElfError>,
}

/// The strings that the dynamic segment names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `DT_SONAME`.
    pub soname: Option<Box<[u8]>>,
    /// `DT_NEEDED`, in order, each with the file offset of its entry.
    pub needed: Box<[(u64, Box<[u8]>)]>,
    /// What else the loader is asked to load, in order.
    pub asked: Box<[Asked]>,
    /// `DT_RPATH`, with the file offset of its entry.
    pub rpath: Option<(u64, Box<[u8]>)>,
    /// `DT_RUNPATH`, with the file offset of its entry.
    pub runpath: Option<(u64, Box<[u8]>)>,
}

/// An entry that makes the loader load something, though the file does not need it: the tag's name, the file offset of
/// the entry, and a library, or for `DT_AUDIT` and `DT_DEPAUDIT` a list of them.
pub type Asked = (&'static str, u64, Box<[u8]>);

impl Names {
    /// Whether a needed library's name starts so.
    pub fn needs(&self, prefix: &[u8]) -> bool {
        self.needed.iter().any(|(_, name)| name.starts_with(prefix))
    }
}

/// A value of the dynamic segment and where its entry is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// `d_val` or `d_ptr`.
    pub value: u64,
    /// File offset of the entry.
    pub offset: u64,
}

impl Dynamic {
    /// Its file offset.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The entries before `DT_NULL`.
    pub fn entries(&self) -> &[(i64, u64)] {
        &self.entries
    }

    /// The last entry with the tag: the loader lets later ones replace earlier ones.
    pub fn get(&self, tag: DynamicTag) -> Option<Tagged> {
        let index = self.entries.iter().rposition(|(found, _)| *found == tag.0)?;
        Some(self.at(index))
    }

    /// Whether the tag is there.
    pub fn has(&self, tag: DynamicTag) -> bool {
        self.get(tag).is_some()
    }

    /// The entry that asks for all symbols to be bound at start, in any of its three encodings.
    pub fn bind_now(&self) -> Option<(&'static str, Tagged)> {
        let flag = |tag, bit: u64| self.get(tag).filter(|flags| flags.value & bit != 0);
        flag(DT_FLAGS, DF_BIND_NOW.0)
            .map(|entry| ("DF_BIND_NOW", entry))
            .or_else(|| flag(DT_FLAGS_1, DF_1_NOW.0).map(|entry| ("DF_1_NOW", entry)))
            .or_else(|| self.get(DT_BIND_NOW).map(|entry| ("DT_BIND_NOW", entry)))
    }

    /// The entry that says that relocations change the text, in either encoding.
    pub fn textrel(&self) -> Option<(&'static str, Tagged)> {
        let flags = self.get(DT_FLAGS).filter(|flags| flags.value & DF_TEXTREL.0 != 0);
        flags
            .map(|entry| ("DF_TEXTREL", entry))
            .or_else(|| self.get(DT_TEXTREL).map(|entry| ("DT_TEXTREL", entry)))
    }

    /// The entry that marks a position-independent executable.
    pub fn pie_flag(&self) -> Option<Tagged> {
        self.get(DT_FLAGS_1).filter(|flags| flags.value & DF_1_PIE.0 != 0)
    }

    fn at(&self, index: usize) -> Tagged {
        Tagged { value: self.entries[index].1, offset: self.offset + index as u64 * self.entry_size }
    }
}

/// The dynamic segment and its string table.
pub(crate) type WithStrings<'a> = (Dynamic, Result<Strings<'a>, ElfError>);

/// Reads the dynamic segment; `None` if there is none. Its string table is returned beside it, since the symbols share
/// it and it is not worth keeping.
pub(crate) fn read<'a>(
    reader: &Reader<'a>,
    segments: &Segments,
    anomalies: &mut Vec<Anomaly>,
) -> Result<Option<WithStrings<'a>>, ElfError> {
    // Of several, the loader keeps the last.
    let Some((header, segment)) = segments.last(PT_DYNAMIC) else { return Ok(None) };
    let unmapped = || ElfError::malformed("PT_DYNAMIC", header, "its address lies in no PT_LOAD");
    let (offset, available) = segments.file_range(segment.address, reader.len()).ok_or_else(unmapped)?;
    if segment.offset != offset {
        let seen = format!("p_offset {:#x}", segment.offset);
        anomalies.push(Anomaly::new(
            "PT_DYNAMIC",
            header,
            seen,
            format!("{offset:#x}, where its address is mapped"),
        ));
    }
    let entry_size = 2 * reader.word();
    let entries = read_entries(reader, offset, available / entry_size)?;
    if segment.file_size < entries.len() as u64 * entry_size || segment.file_size > available {
        let seen = format!("p_filesz {:#x}", segment.file_size);
        anomalies.push(Anomaly::new("PT_DYNAMIC", header, seen, "the size of what is mapped there"));
    }
    let mut dynamic = Dynamic { offset, entry_size, entries, names: Ok(Names::default()) };
    let strings = read_strings(reader, segments, &dynamic, anomalies);
    dynamic.names = match &strings {
        Ok(strings) => names(&dynamic, strings),
        Err(_) if !needs_strings(&dynamic) => Ok(Names::default()),
        Err(error) => Err(error.clone()),
    };
    Ok(Some((dynamic, strings)))
}

fn read_entries(reader: &Reader<'_>, offset: u64, available: u64) -> Result<Box<[(i64, u64)]>, ElfError> {
    let wide = reader.word() == 8;
    let mut entries = Vec::new();
    let mut ended = false;
    // Most are shorter than this, and reading on into the data behind would be a waste.
    let mut table =
        Table { structure: "dynamic segment", offset, count: available.min(64), size: 2 * reader.word() };
    let mut left = available.min(MAX_ENTRIES);
    while !ended && left > 0 {
        table.count = table.count.min(left);
        reader.records(table, |fields, at| {
            // A 32-bit tag is signed, which matters for none of the tags that are looked at.
            let (tag, value) = if wide {
                (fields.u64(at).cast_signed(), fields.u64(at + 8))
            } else {
                (i64::from(fields.u32(at).cast_signed()), u64::from(fields.u32(at + 4)))
            };
            ended = tag == DT_NULL.0;
            if !ended {
                entries.push((tag, value));
            }
            !ended
        })?;
        table.offset += table.count * table.size;
        left -= table.count;
    }
    match (ended, available > MAX_ENTRIES) {
        (true, _) => Ok(entries.into()),
        (false, true) => Err(ElfError::Limit { structure: "dynamic segment", offset, limit: MAX_ENTRIES }),
        (false, false) => {
            Err(ElfError::malformed("dynamic segment", offset, "no DT_NULL before its segment ends"))
        }
    }
}

fn read_strings<'a>(
    reader: &Reader<'a>,
    segments: &Segments,
    dynamic: &Dynamic,
    anomalies: &mut Vec<Anomaly>,
) -> Result<Strings<'a>, ElfError> {
    let missing = |what| ElfError::malformed("dynamic segment", dynamic.offset, what);
    let table = dynamic.get(DT_STRTAB).ok_or_else(|| missing("no DT_STRTAB"))?;
    let (offset, available) = segments
        .file_range(table.value, reader.len())
        .ok_or_else(|| ElfError::malformed("DT_STRTAB", table.offset, "its address lies in no PT_LOAD"))?;
    // The loader never looks at DT_STRSZ, so a wrong one hides nothing.
    let size = dynamic.get(DT_STRSZ);
    if size.is_none_or(|size| size.value > available) {
        let (at, seen) =
            size.map_or((dynamic.offset, "none".into()), |size| (size.offset, format!("{:#x}", size.value)));
        anomalies.push(Anomaly::new(
            "DT_STRSZ",
            at,
            seen,
            format!("at most {available:#x}, where its segment ends"),
        ));
    }
    let size = size.map_or(available, |size| size.value.min(available));
    Strings::read(reader, "dynamic string table", offset, size)
}

fn needs_strings(dynamic: &Dynamic) -> bool {
    let asked = ASKED.iter().any(|(tag, _)| dynamic.has(*tag));
    asked || [DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH].iter().any(|tag| dynamic.has(*tag))
}

fn names(dynamic: &Dynamic, strings: &Strings<'_>) -> Result<Names, ElfError> {
    let string = |entry: Tagged| strings.string(entry.value).map(|name| (entry.offset, Box::from(name)));
    let last = |tag| dynamic.get(tag).map(string).transpose();
    let asked = dynamic.entries.iter().enumerate().filter_map(|(index, (tag, _))| {
        let (_, name) = ASKED.iter().find(|(asked, _)| asked.0 == *tag)?;
        Some(string(dynamic.at(index)).map(|(offset, text)| (*name, offset, text)))
    });
    let needed = dynamic.entries.iter().enumerate().filter(|(_, (tag, _))| *tag == DT_NEEDED.0);
    Ok(Names {
        soname: last(DT_SONAME)?.map(|(_, name)| name),
        needed: needed.map(|(index, _)| string(dynamic.at(index))).collect::<Result<_, _>>()?,
        asked: asked.collect::<Result<_, _>>()?,
        rpath: last(DT_RPATH)?,
        runpath: last(DT_RUNPATH)?,
    })
}

/// Besides `DT_NEEDED`, what makes glibc load a library.
const ASKED: [(DynamicTag, &str); 4] = [
    (DT_AUDIT, "DT_AUDIT"),
    (DT_DEPAUDIT, "DT_DEPAUDIT"),
    (DT_AUXILIARY, "DT_AUXILIARY"),
    (DT_FILTER, "DT_FILTER"),
];
/// No linker comes near: the largest in a Debian system has under a hundred, and each needed library adds one.
const MAX_ENTRIES: u64 = 8192;
