//! Go build information.

use hardpan_checksec::facts::flags::GoBuild;

use crate::common::elf::{CONTENT, Order, PROGBITS, flags};
use crate::common::take::{Take, text};

/// Nothing panics on any block, wherever its pointers lead; and a version and settings that are written are read back.
pub fn check(bytes: &[u8]) {
    for order in [Order::Little, Order::Big] {
        let block = [MAGIC, bytes].concat();
        let found = flags(order, &[(".go.buildinfo", PROGBITS, 3, &block)]);
        if let Ok(build) = found.go.expect("the magic is there") {
            assert!(build.settings.len() <= 64 && build.offset == CONTENT as u64);
        }
    }
    written(bytes);
}

fn written(bytes: &[u8]) {
    let mut take = Take(bytes);
    let is_plain = |byte: &char| byte.is_ascii_alphanumeric();
    let mut word = || take.text().chars().filter(is_plain).collect::<String>();
    let (version, path, value) = (word(), word(), word());
    let lines = format!("path\t{path}\nbuild\tCGO_ENABLED=1\nbuild\t-ldflags=\"{value}\"\n");
    let section = block(&version, &lines);
    let found = flags(Order::Little, &[(".go.buildinfo", PROGBITS, 3, &section)]);
    let Some(Ok(GoBuild { version: v, path: p, settings, .. })) = &found.go else { panic!("{:?}", found.go) };
    assert_eq!((&**v, &**p), (&*version, &*path));
    assert_eq!(&*settings[0].1, "1");
    assert_eq!(&*settings[1].1, value);
}

/// A block with its texts behind it.
fn block(version: &str, lines: &str) -> Vec<u8> {
    let mut bytes = [MAGIC, &[8, 2], &[0; 16]].concat();
    let module = format!("0123456789abcdef{lines}0123456789abcdef");
    for text in [version, &module] {
        let mut length = text.len();
        while length > 127 {
            bytes.push(u8::try_from(length & 0x7f).expect("it is seven bits") | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).expect("it is seven bits"));
        bytes.extend(text.as_bytes());
    }
    bytes
}

const MAGIC: &[u8] = b"\xff Go buildinf:";

/// The two forms, and words to write.
pub fn seeds() -> Vec<Vec<u8>> {
    let inline =
        block("go1.19.8", "path\tx\nmod\tx\t(devel)\nbuild\tCGO_ENABLED=0\n")[MAGIC.len()..].to_vec();
    let address = |at: usize| (CONTENT + at).to_le_bytes();
    // Both pointers lead to the header after the block, and that to the text after it.
    let pointers =
        [&[8, 0][..], &address(32), &address(32), &address(48), &8_usize.to_le_bytes(), b"go1.13.5"];
    vec![inline, pointers.concat(), [text("go1.22"), text("main"), text("X")].concat()]
}
