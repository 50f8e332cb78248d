//! Lines of a device-mapper table, as `dmsetup` has them.

use hardpan_verity::table::TableLine;

use crate::table::tables;

/// A line that is accepted is written so that it reads back the same, and after a name as well.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(line) = TableLine::parse(text) else { return };
    let written = line.to_string();
    assert_eq!(TableLine::parse(&written).as_ref(), Ok(&line), "{written:?}");
    if line.range.is_some() {
        assert_eq!(TableLine::parse(&format!("name: {written}\n")), Ok(line), "{written:?}");
    }
}

/// Lines with and without name and range.
pub fn seeds() -> Vec<Vec<u8>> {
    let lines = tables().into_iter().flat_map(|table| {
        let range = table.sectors().map(|sectors| (0, sectors));
        [None, range].map(|range| TableLine { range, table: table.clone() }.to_string())
    });
    lines.flat_map(|line| [format!("root: {line}\n").into_bytes(), line.into_bytes()]).collect()
}
