//! `hardpan verity emit` and `hardpan verity compare`.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use serde_json::Value;

use super::{BLOCK, Dir};
use crate::util::is_there;

const DEVICES: [&str; 2] = ["--data-device=/dev/a", "--hash-device=PARTUUID=b/PARTNROFF=2"];

/// An image of 300 blocks with its descriptor, and the root hash.
fn image() -> (Dir, String) {
    let dir = Dir::with_data(300);
    let json = dir.ok(&["format", "data", "hash", "--salt=aabb", "--json"]);
    fs::write(dir.path("params"), &json).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    (dir, json["root_hash"].as_str().unwrap().to_owned())
}

fn emit(dir: &Dir, format: &str, more: &[&str]) -> String {
    let format = format!("--format={format}");
    dir.ok(&[&["emit", &format, "--params=params"], more].concat())
}

#[test]
fn every_format_says_what_the_image_is() {
    let (dir, root) = image();
    let parameters = format!("1 /dev/a PARTUUID=b/PARTNROFF=2 4096 4096 300 1 sha256 {root} aabb");
    let restart = "1 restart_on_corruption";
    assert_eq!(emit(&dir, "dm-table", &DEVICES), format!("0 2400 verity {parameters} {restart}\n"));
    assert_eq!(
        emit(&dir, "dm-mod-create", &[&DEVICES[..], &["--name=vroot"]].concat()),
        format!("dm-mod.create=\"vroot,,,ro,0 2400 verity {parameters} {restart}\"\n")
    );
    let bottlerocket = "PARTUUID=$boot_uuid/PARTNROFF=1 PARTUUID=$boot_uuid/PARTNROFF=2";
    assert_eq!(
        emit(&dir, "grub", &["--ignore-zero-blocks"]),
        format!(
            "dm-mod.create=\"root,,,ro,0 2400 verity 1 {bottlerocket} 4096 4096 300 1 sha256 {root} aabb 2 \
             restart_on_corruption ignore_zero_blocks\"\n"
        )
    );
    assert_eq!(
        emit(&dir, "roothash", &[]),
        format!("roothash={root} systemd.verity_root_options=restart-on-corruption\n")
    );
    assert_eq!(
        emit(
            &dir,
            "usrhash",
            &["--data-device=/dev/a", "--on-corruption=panic", "--signature-path=/run/sig"]
        ),
        format!(
            "usrhash={root} systemd.verity_usr_data=/dev/a \
             systemd.verity_usr_options=panic-on-corruption,root-hash-signature=/run/sig\n"
        )
    );
    let line = [
        "--data-device=/dev/a",
        "--hash-device=UUID=b",
        "--name=usr",
        "--unit=x-initrd.attach",
        "--unit=nofail",
    ];
    assert_eq!(
        emit(&dir, "veritytab", &line),
        format!("usr /dev/a UUID=b {root} restart-on-corruption,nofail,x-initrd.attach\n")
    );
    assert_eq!(
        emit(&dir, "veritytab", &[&line[..2], &["--pin-geometry", "--on-corruption=error"]].concat()),
        format!(
            "root /dev/a UUID=b {root} superblock=no,format=1,data-block-size=4096,hash-block-size=4096,\
             data-blocks=300,hash-offset=4096,salt=aabb,hash=sha256\n"
        )
    );
    let uuid = |digits: &str| format!("{}-{}-", &digits[..8], &digits[8..12]);
    let partitions = emit(&dir, "dps", &["--architecture=arm64", "--usr"]);
    let lines: Vec<&str> = partitions.lines().collect();
    assert!(lines[0].starts_with("usr-arm64 ") && lines[0].contains(&format!("uuid={}", uuid(&root))));
    assert!(lines[1].contains("type=6e11a4e7-fbca-4ded-b9e9-e1a512bb664e"), "{partitions}");
    assert!(lines[1].contains(&format!("uuid={}", uuid(&root[32..]))), "{partitions}");
    assert!(lines[2].contains("type=c23ce4ff-44bd-4b00-b2d4-b41b3419e02a"), "{partitions}");
}

#[test]
fn options_go_into_the_table_if_the_kernel_has_them() {
    let (dir, _) = image();
    let table = |more: &[&str]| {
        let text = emit(&dir, "dm-table", &[&DEVICES[..], more].concat());
        text.trim_end().rsplit_once(" aabb").unwrap().1.trim_start().to_owned()
    };
    assert_eq!(table(&["--kernel=6.11"]), "1 restart_on_corruption");
    assert_eq!(table(&["--kernel=6.12"]), "2 restart_on_corruption restart_on_error");
    assert_eq!(table(&["--kernel=6.12", "--on-error=error"]), "1 restart_on_corruption");
    assert_eq!(table(&["--kernel=7.0", "--on-corruption=panic"]), "2 panic_on_corruption panic_on_error");
    assert_eq!(table(&["--on-corruption=error"]), "");
    assert_eq!(table(&["--danger-ignore-corruption", "--kernel=6.12"]), "1 ignore_corruption");
    assert_eq!(
        table(&["--fec-device=/dev/f", "--fec-roots=2", "--fec-offset=8192", "--signature-key=root:1"]),
        "11 restart_on_corruption use_fec_from_device /dev/f fec_roots 2 fec_blocks 304 fec_start 2 \
         root_hash_sig_key_desc root:1"
    );
    let output =
        dir.hardpan(&["emit", "--format=roothash", "--params=params", "--danger-check-at-most-once"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("warning: check_at_most_once"), "{said}");
    for (more, reason) in [
        (&["--on-error=panic"] as &[&str], "say --kernel"),
        (&["--on-error=panic", "--kernel=6.1"], "panic_on_error, which came with Linux 6.12"),
        (&["--kernel=5.8", "--on-corruption=panic"], "panic_on_corruption"),
        (&["--kernel=six"], "version like 6.12"),
        (&["--pin-geometry"], "does nothing with --format dm-table"),
        (&["--signature=x"], "it is for dps-signature"),
        (&["--fec-device=/dev/f", "--fec-roots=25"], "25"),
        (&["--fec-device=/dev/f", "--fec-roots=2", "--fec-offset=512"], "multiple of the block size"),
    ] {
        let args = [&["emit", "--format=dm-table", "--params=params"], &DEVICES[..], more].concat();
        let said = dir.fails(2, &args);
        assert!(said.contains(reason), "{more:?}: {said}");
    }
}

#[test]
fn names_that_boot_would_read_otherwise_are_refused() {
    let (dir, _) = image();
    for (format, options) in [
        ("dm-mod-create", ["--data-device=/dev/a,b", "--hash-device=/dev/c", "--name=root"]),
        ("dm-mod-create", ["--data-device=/dev/a", "--hash-device=/dev/c;", "--name=root"]),
        ("dm-mod-create", ["--data-device=/dev/a", "--hash-device=/dev/c", "--name=a\"b"]),
        ("grub", ["--data-device=/dev/a b", "--hash-device=/dev/c", "--name=root"]),
        ("grub", ["--data-device=/dev/a", "--hash-device=/dev/c", "--name=a$b"]),
        ("veritytab", ["--data-device=/dev/a b", "--hash-device=/dev/c", "--name=root"]),
        ("veritytab", ["--data-device=sda", "--hash-device=/dev/c", "--name=root"]),
        ("veritytab", ["--data-device=/dev/a", "--hash-device=/dev/c", "--name=a b"]),
        // dmsetup takes the rest of a line for a comment.
        ("dm-table", ["--data-device=/dev/a", "--hash-device=/dev/c", "--signature-key=a#b"]),
        ("dm-table", ["--data-device=/dev/a#b", "--hash-device=/dev/c", "--ignore-zero-blocks"]),
        ("dm-table", ["--data-device=", "--hash-device=/dev/c", "--ignore-zero-blocks"]),
        ("roothash", ["--data-device=/dev/$a", "--hash-device=/dev/c", "--ignore-zero-blocks"]),
    ] {
        let format = format!("--format={format}");
        dir.fails(2, &[&["emit", &format, "--params=params"], &options[..]].concat());
    }
    let said = dir.fails(2, &["emit", "--format=dm-table", "--params=params"]);
    assert!(said.contains("--data-device PARTUUID="), "{said}");
}

#[test]
fn an_image_is_taken_only_with_its_own_root_hash() {
    let (dir, root) = image();
    let emit = ["emit", "--format=roothash"];
    let wanted = dir.ok(&[&emit[..], &["--params=params"]].concat());
    assert_eq!(dir.ok(&[&emit[..], &["data", "hash", &root, "--trust-superblock"]].concat()), wanted);
    assert_eq!(dir.ok(&[&emit[..], &["--only-root-hash", &root]].concat()), wanted);
    let other = format!("{}{}", if root.starts_with('0') { '1' } else { '0' }, &root[1..]);
    for (args, reason) in [
        (vec!["data", "hash", &root], "--trust-superblock"),
        (vec!["data", "hash", &other, "--trust-superblock"], "has the root hash"),
        (vec!["data", "data", &root, "--trust-superblock"], "no superblock here"),
        (vec!["hash", "hash", &root, "--trust-superblock"], "1228800 are needed"),
        (vec!["--only-root-hash", &root[1..]], "hexadecimal digits"),
        (vec!["--only-root-hash", &root, "--pin-geometry"], "not the root hash alone"),
        (vec![], "say which image"),
    ] {
        let said = dir.fails(2, &[&emit[..], &args].concat());
        assert!(said.contains(reason), "{args:?}: {said}");
    }
    dir.ok(&["emit", "--format=roothash", "--params=params", "--output=cmdline"]);
    assert_eq!(fs::read_to_string(dir.path("cmdline")).unwrap(), wanted);
}

/// Whatever is written about an image is found to describe it, and, with one field changed, not to.
#[test]
fn what_was_emitted_describes_the_image_and_nothing_else() {
    let (dir, root) = image();
    let tab = ["--data-device=/dev/a", "--hash-device=/dev/b"];
    let other = root.replacen(&root[..2], if root.starts_with("ff") { "00" } else { "ff" }, 1);
    for (format, options, source, changes) in [
        (
            "dm-table",
            &DEVICES[..],
            "--table-file",
            &[(" 300 ", " 299 "), (" 1 sha256", " 2 sha256"), ("0 2400", "8 2400")][..],
        ),
        (
            "dm-mod-create",
            &DEVICES,
            "--cmdline",
            &[(" 4096 4096", " 512 4096"), ("0 2400 ", "0 2392 "), ("0 2400", "8 2400")],
        ),
        ("grub", &[], "--cmdline", &[(" aabb ", " aabc "), (" aabb ", " - "), ("verity 1 ", "verity 0 ")]),
        ("roothash", &[], "--cmdline", &[("restart-on", "hash-offset=512,restart-on")]),
        ("usrhash", &["--pin-geometry"], "--cmdline", &[("=300", "=301"), ("offset=4096", "offset=8192")]),
        ("veritytab", &tab, "--veritytab", &[("restart-on", "superblock=no,restart-on")]),
        ("veritytab", &["--pin-geometry", tab[0], tab[1]], "--veritytab", &[("sha256", "sha512")]),
    ] {
        let text = emit(&dir, format, options);
        fs::write(dir.path("said"), &text).unwrap();
        let said = dir.ok(&["compare", source, "said", "data", "hash"]);
        assert!(said.contains("data and tree were verified"), "{said}");
        let trusts = said.contains("left to the superblock");
        assert_eq!(trusts, !text.contains("aabb"), "{said}");
        for (from, to) in changes.iter().chain(&[(root.as_str(), other.as_str())]) {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            fs::write(dir.path("said"), &changed).unwrap();
            let output = dir.hardpan(&["compare", source, "said", "data", "hash", "--json"]);
            assert_eq!(output.status.code(), Some(1), "{changed}: {output:?}");
            let json: Value = serde_json::from_slice(&output.stdout).unwrap();
            let differences = json["differences"].as_array().unwrap().len();
            assert!(json["same"] == false && json["verified"] == false && differences > 0, "{json}");
        }
    }
}

#[test]
fn each_difference_is_named() {
    let (dir, root) = image();
    let table = format!("1 a b 512 1024 301 2 sha3-256 {} - 1 ignore_corruption", "00".repeat(32));
    let output = dir.hardpan(&["compare", "--table", &table, "data", "hash"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        format!(
            "the table does not describe data:\n  root hash: described as {}, the image has {root}\n  hash algorithm: \
             described as sha3-256, the image has sha256\n  data block size: described as 512, the image has 4096\n  hash \
             block size: described as 1024, the image has 4096\n  data blocks: described as 301, the image has 300\n  salt: \
             described as -, the image has aabb\n  hash start block: described as 2, the image has 1\n",
            "00".repeat(32)
        )
    );
    assert!(String::from_utf8(output.stderr).unwrap().contains("warning: the table: it ignores corruption"));
}

#[test]
fn weak_hashes_are_taken_only_on_demand() {
    let dir = Dir::with_data(3);
    let json = dir.ok(&["format", "data", "hash", "--hash=sha1", "--danger-allow-weak-hash", "--json"]);
    fs::write(dir.path("params"), json).unwrap();
    assert!(dir.fails(2, &["emit", "--format=grub", "--params=params"]).contains("sha1 is weak"));
    fs::write(dir.path("said"), emit(&dir, "grub", &["--danger-allow-weak-hash"])).unwrap();
    let output = dir.hardpan(&["compare", "--cmdline=said", "data", "hash"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("sha1 is weak"));
}

#[test]
fn a_corrupt_image_is_not_described() {
    let (dir, root) = image();
    fs::write(dir.path("cmdline"), emit(&dir, "grub", &[])).unwrap();
    let compare = ["compare", "--cmdline=cmdline", "data", "hash"];
    dir.flip("data", 7 * BLOCK);
    let output = dir.hardpan(&compare);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("corrupt data blocks: 7 (1 in all)"));
    let said = dir.ok(&[&compare[..], &["--geometry-only"]].concat());
    assert!(said.contains("the data was not verified"), "{said}");
    // The tree's top is looked at in any case.
    dir.flip("hash", BLOCK);
    assert_eq!(dir.hardpan(&[&compare[..], &["--geometry-only"]].concat()).status.code(), Some(1));
    dir.flip("hash", 3);
    let output = dir.hardpan(&[&compare[..], &["--geometry-only"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("say --no-superblock"));
    File::options().write(true).open(dir.path("hash")).unwrap().set_len(100).unwrap();
    assert_eq!(dir.hardpan(&compare).status.code(), Some(1));
    fs::remove_file(dir.path("hash")).unwrap();
    dir.fails(2, &compare);
    assert!(!root.is_empty());
}

#[test]
fn trees_without_superblock_and_in_the_data_are_compared() {
    let dir = Dir::with_data(300);
    let json =
        dir.ok(&["format", "data", "hash", "--salt=aabb", "--no-superblock", "--hash-offset=8192", "--json"]);
    fs::write(dir.path("params"), json).unwrap();
    fs::write(dir.path("said"), emit(&dir, "grub", &[])).unwrap();
    dir.ok(&["compare", "--cmdline=said", "data", "hash", "--no-superblock", "--hash-offset=8192"]);
    let said = String::from_utf8(
        dir.hardpan(&["compare", "--cmdline=said", "data", "hash", "--no-superblock", "--hash-offset=4096"])
            .stdout,
    );
    assert!(said.unwrap().contains("hash start block: described as 2, the image has 1"));
    fs::write(dir.path("said"), emit(&dir, "roothash", &["--pin-geometry"])).unwrap();
    dir.ok(&["compare", "--cmdline=said", "data", "hash", "--no-superblock", "--hash-offset=8192"]);
    dir.fails(2, &["emit", "--format=roothash", "--params=params"]);

    let json = dir.ok(&[
        "format",
        "data",
        "data",
        "--salt=-",
        "--data-blocks=300",
        "--hash-offset=1228800",
        "--json",
    ]);
    fs::write(dir.path("params"), json).unwrap();
    for (format, options) in [("grub", &[][..]), ("roothash", &[]), ("roothash", &["--pin-geometry"])] {
        fs::write(dir.path("said"), emit(&dir, format, options)).unwrap();
        let said = dir.ok(&["compare", "--cmdline=said", "data"]);
        assert!(said.contains("data and tree were verified"), "{format}: {said}");
    }
    let root = emit(&dir, "roothash", &[]).split([' ', '=']).nth(1).unwrap().to_owned();
    fs::write(dir.path("said"), format!("roothash={root}")).unwrap();
    assert!(dir.fails(2, &["compare", "--cmdline=said", "data"]).contains("say --hash-offset"));
}

#[test]
fn one_device_of_several_is_chosen_by_name() {
    let (dir, root) = image();
    let other = "ab".repeat(32);
    fs::write(dir.path("said"), format!("quiet roothash={root} usrhash={other}\n")).unwrap();
    let compare = ["compare", "--cmdline=said", "data", "hash"];
    assert!(dir.fails(2, &compare).contains("say --device-name (there: root, usr)"));
    dir.ok(&[&compare[..], &["--device-name=root"]].concat());
    assert_eq!(dir.hardpan(&[&compare[..], &["--device-name=usr"]].concat()).status.code(), Some(1));
    assert!(dir.fails(2, &[&compare[..], &["--device-name=var"]].concat()).contains("there: root, usr"));
    let created = emit(&dir, "grub", &[]);
    fs::write(dir.path("said"), format!("{} roothash={root}", created.trim_end())).unwrap();
    let said = dir.fails(2, &[&compare[..], &["--device-name=root"]].concat());
    assert!(said.contains("root more than once"), "{said}");
    for text in ["quiet", "", "roothash=xyz", "dm-mod.create=root", "systemd.verity_root_data=/dev/a"] {
        fs::write(dir.path("said"), text).unwrap();
        dir.fails(2, &compare);
    }
    fs::write(dir.path("said"), vec![b'x'; 70_000]).unwrap();
    assert!(dir.fails(2, &compare).contains("cannot read command line"));
}

/// Partitions that systemd-repart made: their UUIDs, the hash tree and the signature partition, byte for byte.
#[test]
fn partitions_are_those_that_systemd_repart_makes() {
    let name = "partitions_are_those_that_systemd_repart_makes";
    let there = |program, probe: &[&str]| is_there(name, program, probe);
    let needed: [(&str, &[&str]); 3] =
        [("systemd-repart", &["--version"]), ("openssl", &["version"]), ("losetup", &["--find"])];
    if !needed.into_iter().all(|(program, probe)| there(program, probe)) {
        return;
    }
    let dir = Dir::new();
    let request = "req -x509 -newkey rsa:2048 -nodes -subj /CN=test -days 2 -keyout key.pem -out cert.pem";
    let made = dir.command("openssl", &request.split(' ').collect::<Vec<_>>()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::create_dir(dir.path("definitions")).unwrap();
    for (name, kind, more) in [
        ("1.conf", "root-arm64", "Format=ext4\nSizeMinBytes=10M\nSizeMaxBytes=10M\nVerity=data"),
        ("2.conf", "root-arm64-verity", "SizeMinBytes=1M\nSizeMaxBytes=1M\nVerity=hash"),
        ("3.conf", "root-arm64-verity-sig", "Verity=signature"),
    ] {
        let text = format!("[Partition]\nType={kind}\n{more}\nVerityMatchKey=root\n");
        fs::write(dir.path("definitions").join(name), text).unwrap();
    }
    let options = "--empty=create --size=16M --definitions=definitions --private-key=key.pem --certificate=cert.pem \
                   --seed=01234567-89ab-4cde-8f01-23456789abcd --dry-run=no --json=short disk";
    let made =
        dir.command("systemd-repart", &options.split_whitespace().collect::<Vec<_>>()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let partitions: Value = serde_json::from_slice(&made.stdout).unwrap();
    let disk = File::open(dir.path("disk")).unwrap();
    for (index, name) in ["data", "hash", "signature"].into_iter().enumerate() {
        let number = |key: &str| partitions[index][key].as_u64().unwrap();
        let mut bytes = vec![0; usize::try_from(number("raw_size")).unwrap()];
        disk.read_exact_at(&mut bytes, number("offset")).unwrap();
        fs::write(dir.path(name), bytes).unwrap();
    }
    let [root, data, hash] = [(1, "roothash"), (0, "uuid"), (1, "uuid")]
        .map(|(index, key)| partitions[index][key].as_str().unwrap());

    let uuids = [format!("--data-partuuid={data}"), format!("--hash-partuuid={hash}")];
    dir.ok(&["compare", &uuids[0], &uuids[1], "data", "hash"]);
    let swapped = [format!("--data-partuuid={hash}"), format!("--hash-partuuid={data}")];
    assert_eq!(dir.hardpan(&["compare", &swapped[0], &swapped[1], "data", "hash"]).status.code(), Some(1));
    dir.ok(&["compare", "--dps-signature=signature", "data", "hash"]);
    let listed = dir.ok(&["emit", "--format=dps", "--only-root-hash", root, "--architecture=arm64"]);
    let lines: Vec<&str> = listed.lines().collect();
    for (line, index, uuid) in [(lines[0], 0, data), (lines[1], 1, hash)] {
        let name = partitions[index]["type"].as_str().unwrap();
        assert!(line.starts_with(&format!("{name} ")) && line.ends_with(&format!("uuid={uuid}")), "{line}");
    }

    let partition = fs::read(dir.path("signature")).unwrap();
    let text = partition.split(|byte| *byte == 0).next().unwrap();
    let object: Value = serde_json::from_slice(text).unwrap();
    let encoded = object["signature"].as_str().unwrap();
    fs::write(dir.path("base64"), encoded).unwrap();
    let decoded = dir.command("openssl", &["base64", "-d", "-A", "-in", "base64", "-out", "p7s"]).status();
    assert!(decoded.unwrap().success());
    let emit = ["emit", "--format=dps-signature", "--only-root-hash", root, "--signature=p7s"];
    let with = ["--certificate=cert.pem", "--partition-size=16384", "--output=ours"];
    dir.ok(&[&emit[..], &with].concat());
    assert!(fs::read(dir.path("ours")).unwrap() == partition);
    assert!(dir.fails(2, &emit).contains("--output"));
    assert!(!dir.ok(&[&emit[..], &["--json"]].concat()).contains("certificateFingerprint"));
    dir.fails(2, &[&emit[..], &["--partition-size=1000", "--output=ours"]].concat());
    // A good signature, but of another root hash.
    let other = format!("{}{}", if root.starts_with('0') { '1' } else { '0' }, &root[1..]);
    let emit_other = ["emit", "--format=dps-signature", "--only-root-hash", &other, "--signature=p7s"];
    dir.fails(2, &[&emit_other[..], &with].concat());
    assert!(fs::read(dir.path("ours")).unwrap() == partition);
    fs::write(dir.path("p7s"), encoded).unwrap();
    dir.fails(2, &[&emit[..], &with].concat());
    assert!(dir.fails(2, &[&emit[..], &["--output=x"]].concat()).contains("signature is not DER"));
}
