//! The table of a verity target, and its status.

use hardpan_verity::table::{VerityStatus, VerityTable};

use crate::common::kernel;

/// A table that is accepted has the geometry that the kernel would take, the words that the kernel would see, and is
/// written so that it reads back the same.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(status) = VerityStatus::parse(text) {
        assert_eq!(text.trim_start().starts_with('C'), status.corrupted);
    }
    let Ok(table) = VerityTable::parse(text) else { return };
    assert!(table.hash_type <= 1 && table.data_block_size.is_power_of_two() && !table.root.is_empty());
    is_as_the_kernel_reads_it(&table, text);
    let written = table.to_string();
    assert_eq!(VerityTable::parse(&written).as_ref(), Ok(&table), "{written}");
    is_as_the_kernel_reads_it(&table, &written);
}

/// The words that can be anything, and how many words there are.
pub(crate) fn is_as_the_kernel_reads_it(table: &VerityTable, text: &str) {
    let words = kernel::words(text.as_bytes());
    let ours = [&table.data_device, &table.hash_device, &table.algorithm];
    assert_eq!(ours.map(String::as_bytes), [1, 2, 7].map(|at| words[at].as_slice()), "{text:?}");
    let devices = [table.options.fec.as_ref().map(|fec| &fec.device), table.options.signature_key.as_ref()];
    for word in devices.into_iter().flatten() {
        assert!(words[11..].iter().any(|other| other == word.as_bytes()), "{text:?}");
    }
}

/// A table of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    tables()
        .iter()
        .map(|table| table.to_string().into_bytes())
        .chain([b"V 7".to_vec(), b"C -".to_vec()])
        .collect()
}

/// Tables without options, with some, and with all.
pub(crate) fn tables() -> Vec<VerityTable> {
    let start = "1 /dev/sda1 PARTUUID=a/PARTNROFF=1 4096 4096 256 1 sha256 \
                 4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be aabb";
    let more = [
        "",
        " 2 restart_on_corruption panic_on_error",
        " 13 use_fec_from_device /dev/f fec_roots 2 fec_blocks 300 fec_start 7 ignore_corruption ignore_zero_blocks \
         check_at_most_once root_hash_sig_key_desc a\\ key",
    ];
    more.iter().map(|more| VerityTable::parse(&format!("{start}{more}")).expect("it is a table")).collect()
}
