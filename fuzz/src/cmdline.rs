//! Kernel command lines with verity devices.

use hardpan_verity::table::systemd::{SystemdCmdline, SystemdDevice, SystemdOptions};
use hardpan_verity::table::{CmdlineVerity, CreatedTarget, create_parameter, find_in_cmdline};

use crate::common::kernel;
use crate::table::tables;

/// Whatever is found has a root hash and can be written again, if the kernel can be told it; nothing of what the kernel
/// would heed is overlooked. What is read for systemd is written so that it reads back the same.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut mentions = 0;
    for found in find_in_cmdline(text) {
        match found {
            Ok(CmdlineVerity::Created(target)) => is_written(*target),
            Ok(CmdlineVerity::RootHash { root, .. }) => assert!(root.len() >= 16),
            Ok(_) => unreachable!("there are two kinds"),
            Err(_) => mentions += 1,
        }
    }
    is_complete(text, mentions);
    if let Ok(systemd) = SystemdCmdline::parse(text) {
        assert_eq!(systemd.check(), Ok(()), "{systemd}");
        assert_eq!(SystemdCmdline::parse(&systemd.to_string()), Ok(systemd));
    }
}

fn is_written(target: CreatedTarget) {
    assert!(!target.table.root.is_empty());
    let Ok(parameter) = create_parameter(std::slice::from_ref(&target)) else { return };
    assert_eq!(find_in_cmdline(&parameter), [Ok(CmdlineVerity::Created(Box::new(target)))], "{parameter}");
}

/// A table of the kernel's that names a verity target is found, or is an error.
fn is_complete(text: &str, errors: usize) {
    let created =
        |name: &[u8]| name.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).eq(*b"dm_mod.create");
    for (name, value) in kernel::parameters(text.as_bytes()) {
        let Some(value) = value.filter(|_| created(&name)) else { continue };
        let targets = value.split(|byte| matches!(byte, b',' | b';')).map(kernel::words);
        let verity = targets.filter(|words| words.get(2).is_some_and(|kind| kind == b"verity")).count();
        let found = find_in_cmdline(text);
        let ours = found.iter().filter(|found| matches!(found, Ok(CmdlineVerity::Created(_)))).count();
        assert!(ours + errors >= verity.min(1), "{text:?}: {found:?}");
    }
}

/// A command line as Bottlerocket has it, and some for systemd.
pub fn seeds() -> Vec<Vec<u8>> {
    let target = |table| CreatedTarget::new("root", table).expect("it is no longer than a device can be");
    let targets: Vec<CreatedTarget> = tables().into_iter().map(target).collect();
    let parameter = create_parameter(&targets).expect("nothing in it is special");
    let device = SystemdDevice {
        root: vec![0xab; 32],
        data_device: Some("/dev/sda1".to_owned()),
        hash_device: Some("PARTUUID=b".to_owned()),
        options: SystemdOptions {
            ignore_zero_blocks: true,
            noauto: Some(false),
            ..SystemdOptions::default()
        },
    };
    let systemd = SystemdCmdline { enabled: Some(true), root: Some(device.clone()), usr: Some(device) };
    vec![
        format!("quiet {parameter} -- x").into_bytes(),
        systemd.to_string().into_bytes(),
        format!("a=\"b c\" \"x=y\" {parameter} rd.{systemd}").into_bytes(),
    ]
}
