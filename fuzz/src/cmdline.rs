//! Kernel command lines with verity devices.

use hardpan_verity::table::{CmdlineVerity, find_in_cmdline};

/// Whatever is found has a root hash.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for found in find_in_cmdline(text).into_iter().flatten() {
        match found {
            CmdlineVerity::Created(target) => assert!(!target.table.root.is_empty()),
            CmdlineVerity::RootHash { root, .. } => assert!(root.len() >= 16),
            _ => {}
        }
    }
}

/// A command line as Bottlerocket has it, and one for systemd.
pub fn seeds() -> Vec<Vec<u8>> {
    let root = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";
    let target = format!(
        "0 2048 verity 1 PARTUUID=a/PARTNROFF=1 PARTUUID=a/PARTNROFF=2 4096 4096 256 1 sha256 {root} -"
    );
    vec![
        format!("quiet dm-mod.create=\"root,,,ro,{target} 1 restart_on_corruption;b,u,3,rw,{target}\" -- x")
            .into(),
        format!("roothash={root} usrhash={root} a=\"b c\"").into(),
    ]
}
