use std::num::NonZeroU64;

use hardpan_verity::table::{CmdlineVerity, find_in_cmdline};
use hardpan_verity::{Algorithm, Salt};

use super::*;
use crate::sysctl::SysctlConfig;

/// A profile with one slot and an EROFS root, and more.
pub(crate) fn profile(more: &str) -> Profile {
    let slot = "[[slot]]\nname = \"a\"\nversion = 2\ndata-device = \"PARTUUID=11111111-2222-3333-4444-555555555555\"\nhash-device = \"PARTLABEL=hash a\"\n";
    let text = format!("profile = 1\n{slot}[root]\ntype = \"erofs\"\n{more}\n");
    Profile::parse(text.as_bytes()).unwrap()
}

pub(crate) fn inputs(images: usize) -> Inputs {
    let image = Image {
        params: Params::new(NonZeroU64::new(256).unwrap(), Salt::new(&[0xaa]).unwrap()),
        area: HashArea::with_superblock(0).unwrap(),
        root: RootHash::from_bytes(Algorithm::Sha256, &(0..32).collect::<Vec<u8>>()).unwrap(),
        signature: None,
        fingerprint: None,
    };
    Inputs {
        images: vec![image; images],
        modules: Vec::new(),
        init: b"\x7fELF".to_vec(),
        arch: Some(Arch::X86_64),
        fingerprint: None,
        mtime: 7,
    }
}

fn text(generated: &Generated, name: &str) -> String {
    String::from_utf8(generated.files[name].clone()).unwrap()
}

const ROOT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn a_slot_is_told_in_three_forms() {
    let generated = generate(&profile(""), &inputs(1)).unwrap();
    let wanted = format!(
        "slot a version 2 data PARTUUID=11111111-2222-3333-4444-555555555555 hash \"PARTLABEL=hash a\" table \"1 DATA HASH 4096 4096 256 1 sha256 {ROOT} aa\"\n"
    );
    assert!(text(&generated, "boot.conf").contains(&wanted), "{}", text(&generated, "boot.conf"));
    let table = format!(
        "0 2048 verity 1 /dev/disk/by-partuuid/11111111-2222-3333-4444-555555555555 /dev/disk/by-partlabel/hash\\\\x20a 4096 4096 256 1 sha256 {ROOT} aa 1 restart_on_corruption\n"
    );
    assert_eq!(text(&generated, "dm-table-a"), table);
    let line = text(&generated, "dm-mod-create-a");
    let [Ok(CmdlineVerity::Created(target))] = &find_in_cmdline(&line)[..] else { panic!("{line}") };
    assert_eq!(target.table.hash_device, "PARTLABEL=hash a");
    assert!(line.ends_with("root=/dev/dm-0 ro rootfstype=erofs panic=10 init=/sbin/init\n"), "{line}");
}

#[test]
fn discoverable_partitions_follow_from_the_root_hash() {
    let profile = Profile::parse(b"profile = 1\n[[slot]]\nname = \"a\"\n[root]\ntype = \"ext4\"\n").unwrap();
    let generated = generate(&profile, &inputs(1)).unwrap();
    assert!(text(&generated, "boot.conf").contains(" data DPS hash DPS "));
    let (data, hash) = ("00010203-0405-0607-0809-0a0b0c0d0e0f", "10111213-1415-1617-1819-1a1b1c1d1e1f");
    let nodes = format!("verity 1 /dev/disk/by-partuuid/{data} /dev/disk/by-partuuid/{hash} 4096");
    assert!(text(&generated, "dm-table-a").contains(&nodes));
    assert!(
        text(&generated, "dm-mod-create-a")
            .contains(&format!("verity 1 PARTUUID={data} PARTUUID={hash} 4096"))
    );
}

#[test]
fn what_the_boot_lacks_is_named() {
    let error = |text: &str, images| {
        generate(&Profile::parse(text.as_bytes()).unwrap(), &inputs(images)).unwrap_err().to_string()
    };
    assert!(error("profile = 1\n", 0).contains("no [[slot]]"));
    assert!(error("profile = 1\n[[slot]]\nname = \"a\"\n", 1).contains("no [root]"));
    let said = error("profile = 1\n[[slot]]\nname = \"A\"\n[root]\ntype = \"erofs\"\n", 1);
    assert!(said.contains("in the line `slot A version 0"), "{said}");
    let said = error(
        "profile = 1\n[verity]\nrequire-signature = true\n[[slot]]\nname = \"a\"\n[root]\ntype = \"erofs\"\n",
        1,
    );
    assert!(said.contains("slot a has no signature"), "{said}");
}

#[test]
fn sysctls_are_in_both_files_and_read_back() {
    let more = "[sysctl]\nrules = \"base\"\nrequired = { \"net.ipv4.conf.eth0/1.rp_filter\" = 2, \"kernel.modprobe\" = \"\" }";
    let generated = generate(&profile(more), &inputs(1)).unwrap();
    let mut read = SysctlConfig::default();
    read.add_file(b"/usr/lib/sysctl.d/90-hardpan.conf", text(&generated, "90-hardpan.conf").as_bytes());
    assert!(generated.config.sysctls.len() > 20);
    for sysctl in &generated.config.sysctls {
        let setting = read.get(&sysctl.key).and_then(|setting| setting.value.clone());
        assert_eq!(setting.as_ref(), Some(&sysctl.value), "{}", sysctl.key);
    }
}

#[test]
fn everything_of_a_full_profile_arrives() {
    let profile = Profile::parse(include_bytes!("../profile/example.toml")).unwrap();
    let mut inputs = inputs(2);
    inputs.fingerprint = Some([1; 32]);
    for (image, byte) in inputs.images.iter_mut().zip([3, 4]) {
        image.signature = Some(vec![byte]);
    }
    inputs.images[1].fingerprint = Some([2; 32]);
    let generated = generate(&profile, &inputs).unwrap();
    let text = text(&generated, "boot.conf");
    for line in [
        "minimum-version 2\n",
        "require-signature\n",
        "tries gpt\n",
        "root erofs cache_strategy=readaround\n",
        "enforcing\n",
        "lockdown integrity\n",
        "sysctl kernel.kexec_load_disabled 1 required\n",
        "sysctl kernel.modprobe \"\" optional\n",
        "context=system_u:object_r:etc_t:s0\n",
        "init /sbin/init --unit=multi-user.target\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(generated.initramfs["signatures/b.p7s"], [4]);
    assert_eq!(generated.config.slots[1].fingerprint, Some([2; 32]));
    assert_eq!(generated.config.selinux.unwrap().fingerprint, Some([1; 32]));
    let line = String::from_utf8(generated.files["cmdline"].clone()).unwrap();
    assert_eq!(line, "panic=10 gpt dm_verity.require_signatures=1 module.sig_enforce=1 console=ttyS0\n");
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let files = || generate(&profile("[sysctl]\nrules = \"base\""), &inputs(1)).unwrap().files;
    assert_eq!(files(), files());
}
