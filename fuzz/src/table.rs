//! The table of a verity target.

use hardpan_verity::table::VerityTable;

/// A table that is accepted has the geometry that the kernel would take.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(table) = VerityTable::parse(text) else { return };
    assert!(table.hash_type <= 1 && table.data_block_size.is_power_of_two() && !table.root.is_empty());
}

/// A table of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let root = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";
    let start = format!("1 /dev/sda1 PARTUUID=a/PARTNROFF=1 4096 4096 256 1 sha256 {root} aabb");
    let options = "10 use_fec_from_device /dev/f fec_roots 2 fec_blocks 300 fec_start 7 restart_on_corruption ignore_zero_blocks";
    vec![start.clone().into(), format!("{start} {options}").into(), format!("{start} 0").into()]
}
