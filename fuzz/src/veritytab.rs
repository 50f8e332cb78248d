//! `/etc/veritytab`.

use hardpan_verity::Salt;
use hardpan_verity::table::ErrorMode;
use hardpan_verity::table::systemd::{RootHashSignature, SystemdOptions, Veritytab, VeritytabEntry};

/// What is accepted can be written and reads back the same, has the lines and fields that systemd sees, and no line that
/// systemd would read is a comment here.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(table) = Veritytab::parse(text) else { return };
    for entry in &table.entries {
        assert_eq!(entry.check(), Ok(()), "{entry}");
        assert_eq!(VeritytabEntry::parse(&entry.to_string()).as_ref(), Ok(entry));
    }
    assert_eq!(Veritytab::parse(&table.to_string()).as_ref(), Ok(&table));
    let lines: Vec<[&str; 3]> = lines(text);
    let ours = table.entries.iter().map(|entry| [&*entry.name, &*entry.data_device, &*entry.hash_device]);
    assert_eq!(lines, ours.collect::<Vec<_>>(), "{text:?}");
}

/// The first fields of lines, as systemd's generator reads them: a line ends at a newline, a carriage return or a zero
/// byte, and fields at these, blanks and tabs.
fn lines(text: &str) -> Vec<[&str; 3]> {
    let lines = text.split(['\n', '\r', '\0']).map(|line| line.trim_matches([' ', '\t']));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let fields = lines.map(|line| {
        let mut fields = line.split([' ', '\t']).filter(|field| !field.is_empty());
        std::array::from_fn(|_| fields.next().unwrap_or_default())
    });
    fields.collect()
}

/// A table with a comment, a device without options and one with many.
pub fn seeds() -> Vec<Vec<u8>> {
    let entry = |name: &str, options| VeritytabEntry {
        name: name.to_owned(),
        data_device: "/dev/sda1".to_owned(),
        hash_device: "PARTUUID=b".to_owned(),
        root: vec![0xab; 32],
        options,
    };
    let options = SystemdOptions {
        superblock: Some(false),
        data_blocks: Some(256),
        hash_offset: Some(512),
        salt: Salt::new(&[1, 2]).ok(),
        algorithm: Some("sha256".to_owned()),
        fec_device: Some("LABEL=f".to_owned()),
        fec_roots: Some(2),
        corruption: Some(ErrorMode::Panic),
        signature: Some(RootHashSignature::Inline(vec![0x30, 1, 7])),
        nofail: Some(true),
        initrd_attach: true,
        ..SystemdOptions::default()
    };
    let table = Veritytab { entries: vec![entry("usr", SystemdOptions::default()), entry("root", options)] };
    vec![format!("# a comment\n\n{table}").into_bytes(), table.to_string().into_bytes()]
}
