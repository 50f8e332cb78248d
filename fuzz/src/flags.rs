//! The notes of annobin, in both forms, and recorded command lines.

use hardpan_checksec::facts::flags::{Options, Source};

use crate::common::elf::{NOTE, Order, PROGBITS, flags};

/// No more is counted than there are bytes for; what is no whole note is said to be damaged; options read from a line are
/// those read from a file with that line.
pub fn check(bytes: &[u8]) {
    for order in [Order::Little, Order::Big] {
        let found = flags(
            order,
            &[
                (".gnu.build.attributes", NOTE, 0, bytes),
                (".annobin.notes", PROGBITS, 0, bytes),
                (".GCC.command.line", PROGBITS, 0, bytes),
            ],
        );
        for recorded in &found.recorded {
            let least = if recorded.source == Source::Annobin { 16 } else { 2 };
            assert!(recorded.claims.units * least <= bytes.len() as u64 + least, "{recorded:?}");
        }
        assert_eq!(found.recorded.len(), 3);
    }
    one_line(bytes);
}

fn one_line(bytes: &[u8]) {
    let is_line = !bytes.contains(&0) && bytes.starts_with(b"cc -");
    if !is_line {
        return;
    }
    let options = Options::parse(bytes);
    let found = flags(Order::Little, &[(".GCC.command.line", PROGBITS, 0, bytes)]);
    let claims = &found.recorded[0].claims;
    if claims.units == 1 {
        assert_eq!(claims.protector.said.first().map(|(value, _)| *value), options.protector);
        assert_eq!(claims.fortify.said.first().map(|(value, _)| *value), options.fortify);
        assert_eq!(claims.clash.said.first().map(|(value, _)| *value), options.clash);
    }
}

/// A note with a range and one without, strings, and a line with most options.
pub fn seeds() -> Vec<Vec<u8>> {
    let note = |name: &[u8], range: &[u8]| {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).expect("it is short").to_le_bytes();
        let mut bytes = [&size(name)[..], &size(range), &0x100_u32.to_le_bytes(), name].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(range);
        bytes
    };
    vec![
        [
            note(b"GA$\x013p1256\0", &[[0; 8], [8, 0, 0, 0, 0, 0, 0, 0]].concat()),
            note(b"GA*FORTIFY\0\x02\0", b""),
            note(b"GA+stack_clash\0", b""),
            note(b"GA*\x02\x03\0", b""),
        ]
        .concat(),
        b"AV:4p1227\0FL:3\0SP:0 bad.c:main\0SC:1\0CF:8\0GW:0x52b\0PI:4\0".to_vec(),
        b"cc -O2 -D_FORTIFY_SOURCE=2 -Wp,-U_FORTIFY_SOURCE -fstack-protector-strong -fcf-protection -Wl,-z,now".to_vec(),
    ]
}
