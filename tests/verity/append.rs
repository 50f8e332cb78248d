//! Trees after the data in one file, and data that is padded.

use std::fs::{self, File};
use std::io::Write;

use serde_json::Value;

use super::{BLOCK, Dir, root_hash};
use crate::util::is_there;

#[test]
fn an_appended_tree_is_placed_and_verified_without_arithmetic() {
    let dir = Dir::with_data(130);
    let data = fs::read(dir.path("data")).unwrap();
    let json = dir.ok(&["format", "data", "--append", "--json"]);
    fs::write(dir.path("image.json"), &json).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["hash_offset"], &json["data_blocks"]), (&Value::from(130 * BLOCK), &Value::from(130)));
    let image = fs::read(dir.path("data")).unwrap();
    assert_eq!(image.len() as u64, (130 + 4) * BLOCK);
    assert!(image.starts_with(&data));
    dir.ok(&["verify", "data", "--params=image.json"]);
    dir.ok(&["verify", "data", "data", "--params=image.json"]);
    if is_there("an_appended_tree_is_placed_and_verified_without_arithmetic", "veritysetup", &["--version"]) {
        let root = json["root_hash"].as_str().unwrap();
        assert!(dir.veritysetup(&["verify", "data", "data", root, "--hash-offset=532480"]).0);
    }
}

#[test]
fn the_place_is_printed_and_a_multiple_of_the_hash_block_size() {
    let dir = Dir::with_bytes(vec![9; 3 * 512]);
    let text = dir.ok(&["format", "data", "--append", "--data-block-size=512", "--hash-block-size=1024"]);
    assert!(text.contains("Hash offset:     \t2048 [bytes]\n"), "{text}");
    let bare = ["format", "data", "--append", "--no-superblock", "--data-blocks=3", "--data-block-size=512"];
    let message = dir.fails(2, &bare);
    assert!(message.contains("something after the data, at byte 2048"), "{message}");
}

#[test]
fn a_tree_is_replaced_and_nothing_else_is() {
    let dir = Dir::with_data(300);
    let first = root_hash(&dir.ok(&["format", "data", "--append", "--salt=ab"]));
    let image = fs::read(dir.path("data")).unwrap();
    // As if the tree were data.
    let message = dir.fails(2, &["format", "data", "--append"]);
    assert!(message.contains("ends with a hash tree over its first 300 blocks"), "{message}");
    // Fewer blocks: the tree would lie over what is data now.
    let message = dir.fails(2, &["format", "data", "--append", "--data-blocks=200"]);
    assert!(message.contains("something after the data, at byte 819200"), "{message}");
    assert!(fs::read(dir.path("data")).unwrap() == image);

    let again = root_hash(&dir.ok(&["format", "data", "--append", "--data-blocks=300", "--salt=ab"]));
    assert_eq!(again, first);
    assert_eq!(dir.path("data").metadata().unwrap().len(), image.len() as u64);
    // A larger tree behind goes, so that the file ends with the new one.
    let mut longer = File::options().append(true).open(dir.path("data")).unwrap();
    longer.write_all(&[7; 5000]).unwrap();
    dir.ok(&["format", "data", "--append", "--data-blocks=300"]);
    assert_eq!(dir.path("data").metadata().unwrap().len(), image.len() as u64);
}

#[test]
fn what_follows_the_tree_must_be_said() {
    let dir = Dir::with_data(130);
    let json = dir.ok(&["format", "data", "--append", "--json"]);
    fs::write(dir.path("image.json"), &json).unwrap();
    let verify = ["verify", "data", "--params=image.json"];
    let end = 134 * BLOCK;
    let mut image = File::options().append(true).open(dir.path("data")).unwrap();
    image.write_all(&[0; 1000]).unwrap();
    dir.ok(&verify);
    image.write_all(b"something else").unwrap();
    let message = dir.fails(1, &verify);
    let wanted = format!("bytes {end} to {} after the tree", end + 1014);
    assert!(message.contains(&wanted) && message.contains("--allow-trailing"), "{message}");
    dir.ok(&[verify.as_slice(), &["--allow-trailing"]].concat());
    let at = format!("--allow-trailing={}", end + 1000);
    dir.ok(&[verify.as_slice(), &[&at]].concat());
    let after = format!("--allow-trailing={}", end + 1001);
    assert!(dir.fails(1, &[verify.as_slice(), &[&after]].concat()).contains("after the tree"));

    // Format says so as well, where it leaves alone what is there.
    let offset = format!("--hash-offset={}", 130 * BLOCK);
    let output = dir.hardpan(&["format", "data", "data", "--data-blocks=130", &offset]);
    assert_eq!(output.status.code(), Some(0));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("holds something after the tree") && message.contains("--allow-trailing"),
        "{message}"
    );
}

#[test]
fn a_partial_block_is_padded_when_asked() {
    let dir = Dir::with_data(10);
    File::options().append(true).open(dir.path("data")).unwrap().write_all(&[1; 100]).unwrap();
    let message = dir.fails(2, &["format", "data", "hash"]);
    assert!(message.contains("100 of 4096 bytes") && message.contains("--pad"), "{message}");
    assert_eq!(dir.path("data").metadata().unwrap().len(), 10 * BLOCK + 100);

    let output = dir.hardpan(&["format", "data", "hash", "--pad", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("padded data with 3996 zero bytes to 45056 bytes"), "{message}");
    let data = fs::read(dir.path("data")).unwrap();
    assert_eq!(data.len() as u64, 11 * BLOCK);
    assert_eq!(data[data.len() - 3997..].iter().filter(|byte| **byte != 0).count(), 1);
    fs::write(dir.path("image.json"), output.stdout).unwrap();
    dir.ok(&["verify", "data", "hash", "--params=image.json"]);
    // The padding is covered.
    dir.flip("data", 11 * BLOCK - 1);
    dir.fails(1, &["verify", "data", "hash", "--params=image.json"]);
    // Nothing to pad, and nothing said.
    assert_eq!(dir.hardpan(&["format", "data", "hash", "--pad"]).stderr, b"");
    dir.fails(2, &["format", "data", "hash", "--pad", "--data-blocks=3"]);
}

#[test]
fn padding_and_appending_go_together() {
    let dir = Dir::with_bytes(vec![3; 5000]);
    let json = dir.ok(&["format", "data", "--pad", "--append", "--json"]);
    fs::write(dir.path("image.json"), &json).unwrap();
    assert_eq!(dir.path("data").metadata().unwrap().len(), (2 + 2) * BLOCK);
    dir.ok(&["verify", "data", "--params=image.json"]);
}
