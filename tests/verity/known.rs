//! Where `verify` takes from what an image is to be.

use std::fs;

use serde_json::Value;

use super::{BLOCK, Dir};

/// A directory with an image of 300 blocks, its descriptor, and that as JSON.
fn image(options: &[&str]) -> (Dir, Value) {
    let dir = Dir::with_data(300);
    let json = dir.ok(&[&["format", "data", "hash", "--json"], options].concat());
    fs::write(dir.path("image.json"), &json).unwrap();
    let json = serde_json::from_str(&json).unwrap();
    (dir, json)
}

fn table(image: &Value) -> String {
    let text = |field: &str| image[field].as_str().unwrap().to_owned();
    format!(
        "{} /dev/sda1 /dev/sda2 {} {} {} {} {} {} {}",
        image["hash_type"],
        image["data_block_size"],
        image["hash_block_size"],
        image["data_blocks"],
        image["hash_start_block"],
        text("algorithm"),
        text("root_hash"),
        text("salt")
    )
}

#[test]
fn what_format_prints_is_what_verify_takes() {
    for options in [
        &[] as &[&str],
        &["--hash=sha3-512", "--format=0", "--salt=-"],
        &["--no-superblock", "--hash-offset=8192", "--hash-block-size=1024"],
        &["--hash-offset=512", "--data-block-size=512", "--hash=blake2b-256"],
        &["--hash=sha1", "--danger-allow-weak-hash"],
    ] {
        let (dir, json) = image(options);
        let mut verify = vec!["verify", "data", "hash", "--params=image.json"];
        if json["algorithm"] == "sha1" {
            let message = dir.fails(2, &verify);
            assert!(
                message.contains("sha1 is weak") && message.contains("--danger-allow-weak-hash"),
                "{message}"
            );
            verify.push("--danger-allow-weak-hash");
        }
        dir.ok(&verify);
        // The same root hash again is no contradiction; another is.
        let root = json["root_hash"].as_str().unwrap();
        dir.ok(&[verify.as_slice(), &[root]].concat());
        let other = root.replace(|digit: char| digit.is_ascii_digit(), "a");
        let message = dir.fails(2, &[verify.as_slice(), &[&other]].concat());
        assert!(message.contains("the source of the parameters has"), "{message}");
        dir.flip("data", 299 * BLOCK);
        dir.fails(1, &verify);
    }
}

#[test]
fn a_descriptor_is_read_strictly() {
    let (dir, json) = image(&["--salt=ab"]);
    let change = |field: &str, value: Value| {
        let mut json = json.clone();
        json[field] = value;
        fs::write(dir.path("changed.json"), json.to_string()).unwrap();
        let output = dir.hardpan(&["verify", "data", "hash", "--params=changed.json"]);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    // Not a descriptor.
    for (field, value, text) in [
        ("comment", Value::from("x"), "unknown field `comment`"),
        ("version", Value::from(2), "version 2"),
        ("algorithm", Value::from("md5"), "`md5` is not supported"),
        ("data_blocks", Value::from(0), "data_blocks: is 0"),
        ("data_blocks", Value::from(299), "hash_"),
        ("data_blocks", Value::from(1), "does not agree"),
        ("hash_end", Value::from(1), "does not agree"),
        ("uuid", Value::Null, "uuid: is null"),
        ("root_hash", Value::from("ab"), "64 hexadecimal digits"),
    ] {
        let (code, message) = change(field, value.clone());
        // 299 blocks have a tree of the same size: then it is the image that differs.
        assert_eq!(code, if value == 299 { 1 } else { 2 }, "{field}: {message}");
        assert!(value == 299 || message.contains(text) && message.contains("changed.json"), "{message}");
    }
    // A descriptor, of another image.
    for (field, value) in [("salt", "ba"), ("uuid", "01234567-89ab-4cde-8f01-23456789abcd")] {
        let (code, message) = change(field, Value::from(value));
        assert!(code == 1 && message.contains("the superblock does not agree"), "{message}");
    }
    let (code, message) = change("data_blocks", Value::from("300"));
    assert!(code == 2 && message.contains("invalid type"), "{message}");
    fs::write(dir.path("huge.json"), vec![b' '; 70_000]).unwrap();
    assert!(dir.fails(2, &["verify", "data", "hash", "--params=huge.json"]).contains("too large"));
    assert!(dir.fails(2, &["verify", "data", "hash", "--params=none.json"]).contains("none.json"));
    // What a descriptor says nothing else may say.
    for option in ["--salt=ab", "--hash=sha256", "--hash-offset=0", "--trust-superblock", "--no-superblock"] {
        let args = ["verify", "data", "hash", "--params=image.json", option, "--data-blocks=300"];
        dir.fails(2, if option == "--salt=ab" { &args } else { &args[..5] });
    }
}

#[test]
fn a_table_has_everything() {
    let (dir, json) = image(&["--salt=ab"]);
    let table = table(&json);
    let sectors = 300 * 8;
    let with_length = format!("0 {sectors} verity {table} 1 restart_on_corruption");
    for text in [&table, &with_length, &format!("{with_length}\n")] {
        dir.ok(&["verify", "data", "hash", "--table", text]);
        fs::write(dir.path("table"), text).unwrap();
        dir.ok(&["verify", "data", "hash", "--table-file=table"]);
    }
    for (from, to, code, text) in [
        (" 300 1 sha256", " 299 1 sha256", 1, "data blocks is 300, expected 299"),
        (" ab", " ba", 1, "salt is ab, expected ba"),
        (" 300 1 sha256", " 300 2 sha256", 1, "the geometry needs 24576"),
        (" 300 1 sha256", " 300 0 sha256", 1, "corrupt hash blocks"),
        (" 300 1 sha256", " 300 1 md5", 2, "`md5` is not supported"),
        (" 300 1 sha256", " 0 1 sha256", 2, "data blocks: there are none"),
        (" 300 1 sha256", " 300 18446744073709551615 sha256", 2, "too large"),
        ("1 /dev", "1", 2, "arguments"),
    ] {
        let changed = table.replacen(from, to, 1);
        assert_ne!(changed, table);
        let message = dir.fails(code, &["verify", "data", "hash", "--table", &changed]);
        assert!(message.contains(text), "{from} {to}: {message}");
    }
    for changed in [with_length.replacen("2400", "2392", 1), with_length.replacen("0 2400", "8 2400", 1)] {
        assert!(dir.fails(2, &["verify", "data", "hash", "--table", &changed]).contains("the table maps"));
    }
    let message = dir.fails(2, &["verify", "data", "hash", "--table", &table, "--hash-offset=8192"]);
    assert!(message.contains("tree start at byte 4096"), "{message}");
}

#[test]
fn a_table_without_superblock_and_with_parity_on_the_hash_device() {
    let (dir, json) = image(&["--salt=ab", "--no-superblock", "--hash-offset=8192"]);
    let table = table(&json);
    let place = ["--no-superblock", "--hash-offset=8192"];
    let verify = |table: &str, code: i32| {
        let args = [&["verify", "data", "hash", "--table", table], place.as_slice()].concat();
        let output = dir.hardpan(&args);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    };
    verify(&table, 0);
    // The tree ends at block 6. Parity for 304 blocks has two rounds of two roots: four blocks.
    let mut hash = fs::read(dir.path("hash")).unwrap();
    assert_eq!(hash.len(), 6 * 4096);
    hash.resize(7 * 4096, 0);
    hash.resize(11 * 4096, 0xfe);
    fs::write(dir.path("hash"), &hash).unwrap();
    verify(&table, 1);
    let fec = "8 use_fec_from_device /dev/sda2 fec_roots 2 fec_blocks 304 fec_start 7";
    verify(&format!("{table} {fec}"), 0);
    verify(&format!("{table} {}", fec.replace("/dev/sda2", "/dev/sda3")), 1);
    verify(&format!("{table} {}", fec.replace("fec_roots 2", "fec_roots 255")), 2);
    // What is around the parity is looked at.
    for at in [6 * 4096, 11 * 4096] {
        let mut hash = hash.clone();
        hash.resize(12 * 4096, 0);
        hash[at] = 1;
        fs::write(dir.path("hash"), &hash).unwrap();
        verify(&format!("{table} {fec}"), 1);
    }
}

#[test]
fn a_kernel_command_line_names_the_device() {
    let (dir, json) = image(&["--salt=ab"]);
    let create = |name: &str, table: &str| format!("{name},,,ro,0 2400 verity {table}");
    let verify = |cmdline: &str, options: &[&str]| {
        fs::write(dir.path("cmdline"), cmdline).unwrap();
        let args = [&["verify", "data", "hash", "--cmdline=cmdline"], options].concat();
        let output = dir.hardpan(&args);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (table, root) = (table(&json), json["root_hash"].as_str().unwrap());
    let one = format!("quiet dm-mod.create=\"{}\" ro\n", create("root", &table));
    assert_eq!(verify(&one, &[]), (0, String::new()));
    assert_eq!(verify(&one, &["--device-name=root"]).0, 0);
    let (code, message) = verify(&one, &["--device-name=usr"]);
    assert!(code == 2 && message.contains("no verity device usr (there: root)"), "{message}");
    let wrong = table.replacen(" 300 1", " 299 1", 1);
    let two = format!(
        "dm-mod.create=\"{};{}\"",
        create("root", &table),
        create("usr", &wrong).replacen("2400", "2392", 1)
    );
    let (code, message) = verify(&two, &[]);
    assert!(code == 2 && message.contains("several verity devices (root, usr)"), "{message}");
    assert_eq!(verify(&two, &["--device-name=root"]).0, 0);
    assert_eq!(verify(&two, &["--device-name=usr"]).0, 1);
    let (code, message) = verify(&one, &["--data-blocks=300", "--salt=ab"]);
    assert!(code == 2 && message.contains("leave the options out"), "{message}");

    // systemd's parameters have the root hash only.
    let roothash = format!("roothash={root} quiet");
    let (code, message) = verify(&roothash, &[]);
    assert!(code == 2 && message.contains("--data-blocks"), "{message}");
    assert_eq!(verify(&roothash, &["--data-blocks=300", "--salt=ab"]).0, 0);
    assert_eq!(verify(&format!("{roothash} usrhash={root}"), &["--data-blocks=300", "--salt=ab"]).0, 2);
    // The one that systemd takes is another than the kernel's rules would find.
    let other = "ab".repeat(32);
    for more in [format!("rd.roothash={other}"), format!("'roothash={other}'")] {
        let (code, message) = verify(&format!("{roothash} {more}"), &["--data-blocks=300", "--salt=ab"]);
        assert_eq!(code, 2, "{more}: {message}");
    }
    for (cmdline, text) in
        [("quiet", "no roothash="), ("roothash=zz", "hexadecimal"), ("dm-mod.create=x", "dm-mod.create")]
    {
        let (code, message) = verify(cmdline, &[]);
        assert!(code == 2 && message.contains(text) && message.contains("cmdline"), "{message}");
    }
}
