//! `hardpan verity plan`.

use std::fs::{self, File};

use serde_json::Value;

use super::{BLOCK, Dir};
use crate::util::is_there;

fn plan(dir: &Dir, args: &[&str]) -> Value {
    serde_json::from_str(&dir.ok(&[&["plan", "--json"], args].concat())).unwrap()
}

#[test]
fn a_plan_is_what_format_makes() {
    let dir = Dir::new();
    let kinds: [&[&str]; 4] = [
        &[],
        &["--hash=sha512", "--hash-block-size=1024"],
        &["--format=0", "--hash=sha384", "--data-block-size=512"],
        &["--no-superblock", "--data-block-size=1024", "--hash-block-size=512"],
    ];
    for kind in kinds {
        for blocks in [1, 2, 129, 700] {
            fs::write(dir.path("data"), vec![5; blocks * 4096]).unwrap();
            let planned = plan(&dir, &[&["--data=data"], kind].concat());
            assert_eq!(planned, plan(&dir, &[&["--size", &format!("{}KiB", blocks * 4)], kind].concat()));
            let made: Value =
                serde_json::from_str(&dir.ok(&[&["format", "data", "hash", "--json"], kind].concat()))
                    .unwrap();
            for field in ["hash_blocks", "hash_start_block", "data_blocks", "hash_offset", "algorithm"] {
                assert_eq!(planned[field], made[field], "{kind:?} {blocks} {field}");
            }
            assert_eq!(planned["hash_size"], dir.path("hash").metadata().unwrap().len());
            let appended = plan(&dir, &[&["--data=data", "--append"], kind].concat());
            dir.ok(&[&["format", "data", "--append"], kind].concat());
            assert_eq!(appended["total"], dir.path("data").metadata().unwrap().len(), "{kind:?} {blocks}");
        }
    }
}

#[test]
fn parity_is_planned_as_veritysetup_makes_it() {
    if !is_there("parity_is_planned_as_veritysetup_makes_it", "veritysetup", &["--version"]) {
        return;
    }
    for (blocks, roots) in [(1, 2), (252, 2), (253, 2), (700, 24), (5000, 3)] {
        let dir = Dir::new();
        File::create(dir.path("data")).unwrap().set_len(blocks * BLOCK).unwrap();
        let roots = format!("--fec-roots={roots}");
        let planned = plan(&dir, &["--data=data", &roots]);
        assert!(dir.veritysetup(&["format", "data", "hash", "--fec-device=fec", &roots]).0);
        assert_eq!(planned["fec"]["size"], dir.path("fec").metadata().unwrap().len(), "{blocks} {roots}");
    }
}

#[test]
fn the_largest_image_for_a_disk() {
    let dir = Dir::new();
    let planned = plan(&dir, &["--total=4GiB", "--append"]);
    assert_eq!(
        (&planned["data_blocks"], &planned["total"]),
        (&Value::from(1_040_382), &Value::from(4_u64 << 30))
    );
    assert_eq!(planned["partitions"], serde_json::json!({ "image": 4_u64 << 30 }));
    let with_parity = plan(&dir, &["--total=4GiB", "--fec-roots=2"]);
    assert!(with_parity["data_size"].as_u64() < planned["data_size"].as_u64());
    let text = dir.ok(&["plan", "--size=3GiB", "--fec-roots=2"]);
    for line in [
        "Hash area:       \t25370624",
        "Hash blocks:     \t6193",
        "FEC area:        \t25665536",
        "Hash partition:  \t25 MiB",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}: {text}");
    }
}

#[test]
fn sizes_that_are_none_are_refused() {
    let dir = Dir::with_bytes(vec![0; 5000]);
    for (args, text) in [
        (&["--size=3GB"] as &[&str], "KiB, MiB, GiB or TiB"),
        (&["--size=3G"], "KiB, MiB, GiB or TiB"),
        (&["--size=9999999TiB"], "2^63"),
        (&["--size=0"], "no data"),
        (&["--size=5000"], "904 are left over"),
        (&["--data=data"], "904 are left over"),
        (&["--data=missing"], "cannot open data missing"),
        (&["--total=4095"], "too few"),
        (&["--size=1MiB", "--fec-roots=1"], "2 to 24"),
        (&["--size=1MiB", "--fec-roots=2", "--data-block-size=512"], "one size"),
        (&["--size=1MiB", "--total=1MiB"], "cannot be used with"),
        (&[], "required"),
    ] {
        let message = dir.fails(2, &[&["plan"], args].concat());
        assert!(message.contains(text), "{args:?}: {message}");
    }
    assert_eq!(plan(&dir, &["--data=data", "--pad"])["data_blocks"], 2);
}
