//! Producers in DWARF.

use gimli::{RunTimeEndian, UnitType};
use hardpan_checksec::facts::flags::{Recorded, Source};

use crate::common::elf::{Order, PROGBITS, flags};
use crate::common::take::Take;

/// Where all units could be read, there are as many as gimli counts in the whole sections.
pub fn check(bytes: &[u8]) {
    let mut take = Take(bytes);
    let order = if take.byte() & 1 == 0 { Order::Little } else { Order::Big };
    let compressed = u64::from(take.byte() & 7 == 7) << 11;
    let mut part = || {
        let len = usize::from(take.short());
        take.bytes(len)
    };
    let (info, abbrev, strings, line_strings, offsets) = (part(), part(), part(), part(), part());
    let found = flags(
        order,
        &[
            (".debug_info", PROGBITS, compressed, info),
            (".debug_abbrev", PROGBITS, 0, abbrev),
            (".debug_str", PROGBITS, 0, strings),
            (".debug_line_str", PROGBITS, 0, line_strings),
            (".debug_str_offsets", PROGBITS, 0, offsets),
        ],
    );
    let dwarf = found.recorded.iter().find(|recorded| recorded.source == Source::Dwarf);
    let Recorded { claims, skipped, gap, .. } = dwarf.expect("the section is there");
    let endian = if order == Order::Little { RunTimeEndian::Little } else { RunTimeEndian::Big };
    if gap.is_none()
        && compressed == 0
        && let Ok(units) = units(info, abbrev, endian)
    {
        // Units that link-time optimisation made are left out beside others.
        let counted = claims.units + skipped;
        assert!(counted == units || (counted < units && has_lto(bytes)), "{counted} of {units}");
    }
}

fn has_lto(bytes: &[u8]) -> bool {
    bytes.windows(10).any(|window| window == b"GNU GIMPLE")
}

/// How many units of code there are by gimli.
fn units(info: &[u8], abbrev: &[u8], endian: RunTimeEndian) -> gimli::Result<u64> {
    let abbrev = gimli::DebugAbbrev::new(abbrev, endian);
    let mut headers = gimli::DebugInfo::new(info, endian).units();
    let mut count = 0;
    while let Some(header) = headers.next()? {
        let is_code = matches!(
            header.type_(),
            UnitType::Compilation | UnitType::Skeleton(_) | UnitType::SplitCompilation(_)
        );
        let abbreviations = header.abbreviations(&abbrev)?;
        let mut entries = header.entries_raw(&abbreviations, None)?;
        if !is_code {
            continue;
        }
        let Some(root) = entries.read_abbreviation()? else { continue };
        if matches!(root.tag(), gimli::DW_TAG_compile_unit | gimli::DW_TAG_skeleton_unit) {
            count += 1;
            for attribute in root.attributes() {
                entries.read_attribute(*attribute)?;
            }
        }
    }
    Ok(count)
}

/// A unit of version 4 with its producer in itself, and one of version 5 with it in `.debug_line_str`.
pub fn seeds() -> Vec<Vec<u8>> {
    let part = |bytes: &[u8]| {
        let len = u16::try_from(bytes.len()).expect("it is short");
        [&len.to_le_bytes()[..], bytes].concat()
    };
    let unit = |body: &[u8]| {
        let len = u32::try_from(body.len()).expect("it is short");
        [&len.to_le_bytes()[..], body].concat()
    };
    let producer = b"GNU C17 12.2.0 -O2 -fstack-protector-strong\0";
    let old = unit(&[&[4, 0, 0, 0, 0, 0, 8, 1][..], producer, b"main.c\0"].concat());
    let new = unit(&[5, 0, 1, 8, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    // Code 1, a unit without children: producer and name, as strings; at 12 as DW_FORM_line_strp.
    let abbrev = [1, 0x11, 0, 0x25, 8, 3, 8, 0, 0, 0, 0, 0, 1, 0x11, 0, 0x25, 0x1f, 3, 0x1f, 0, 0, 0];
    let all = |info: &[u8]| {
        [&[0, 0][..], &part(info), &part(&abbrev), &part(b"x\0"), &part(producer), &part(b"")].concat()
    };
    vec![all(&old), all(&new), all(&[old.clone(), new].concat())]
}
