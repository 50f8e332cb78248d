//! `hardpan verity dump`.

use std::fs;

use serde_json::Value;

use super::{Dir, UUID};

#[test]
fn dump_shows_what_is_wrong() {
    let dir = Dir::with_data(130);
    dir.ok(&["format", "data", "hash", "--salt=ab", "--uuid", UUID]);
    let change = |offset: usize, value: &[u8]| {
        let mut bytes = fs::read(dir.path("hash")).unwrap();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        fs::write(dir.path("changed"), bytes).unwrap();
        let output = dir.hardpan(&["dump", "changed"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let cases: [(usize, &[u8], i32, &str); 6] = [
        (72, &0_u64.to_le_bytes(), 1, "data blocks at byte 72: 0 is not a possible value"),
        (72, &u64::MAX.to_le_bytes(), 1, "2^63"),
        (72, &100_000_u64.to_le_bytes(), 1, "the tree ends at byte"),
        (400, b"junk", 1, "tail at byte 400: padding is not zero"),
        (32, b"shake1", 0, "shake1 is not supported (supported: sha1, "),
        (32, b"\x1b[31m", 0, "\\u{1b}[31m"),
    ];
    for (offset, value, code, text) in cases {
        let (actual, shown) = change(offset, value);
        assert_eq!(actual, Some(code), "{shown}");
        assert!(shown.contains("Anomaly:") && shown.contains(text) && !shown.contains('\x1b'), "{shown}");
        assert!(shown.contains(UUID), "{shown}");
    }
    let json: Value = serde_json::from_str(&dir.ok(&["dump", "hash", "--json"])).unwrap();
    assert_eq!((&json["data_blocks"], &json["anomalies"]), (&Value::from(130), &serde_json::json!([])));
    assert!(dir.fails(2, &["dump", "data"]).contains("there is no superblock here"));
    fs::write(dir.path("short"), [0; 511]).unwrap();
    assert!(dir.fails(2, &["dump", "short"]).contains("only 511 of 512 bytes"));
    assert!(dir.fails(2, &["dump", "hash", "--hash-offset=1048576"]).contains("only 0 of 512 bytes"));
}
