//! Parity: `hardpan verity format --fec-device`, `verify --fec-device` and `repair`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Output;

use hardpan_verity::fec::{
    Damaged, FecArea, FecLayout, Found, JOURNAL_CONTENTS, Journal, Part, Roots, find_repairs,
};
use hardpan_verity::{BlockSource as _, Expected, HashArea, Params, RootHash};
use serde_json::Value;

use super::devices::Loop;
use super::{BLOCK, Dir, UUID, root_hash};
use crate::util::is_there;

const BLOCKS: u64 = 300;
const KNOWN: [&str; 2] = ["--data-blocks=300", "--salt=ab"];

/// Which files have data, tree and parity, with the options that say where in them.
type Place = ([&'static str; 3], &'static [&'static str], &'static [&'static str]);

/// The options for where the tree is, and those for the parity.
const PLACES: [Place; 4] = [
    (["data", "hash", "fec"], &[], &[]),
    (["data", "hash", "hash"], &[], &["--fec-offset=32768"]),
    (["data", "data", "data"], &["--hash-offset=1228800"], &["--fec-offset=1249280"]),
    (["data", "data", "fec"], &["--hash-offset=1228800"], &[]),
];

/// A protected image, as each test begins.
struct Image {
    dir: Dir,
    root: String,
    place: Place,
    sound: Vec<(String, Vec<u8>)>,
}

impl Image {
    fn new(place: Place, roots: &'static str) -> Self {
        let dir = Dir::with_data(BLOCKS);
        let ([data, hash, fec], tree, parity) = place;
        let own = ["format", data, hash, "--fec-device", fec, roots];
        let root = root_hash(&dir.ok(&[&own, tree, parity, &KNOWN].concat()));
        let sound = dir.names().into_iter().map(|name| (name.clone(), fs::read(dir.path(&name)).unwrap()));
        let sound = sound.collect();
        Self { dir, root, place, sound }
    }

    fn repair(&self, more: &[&str]) -> Output {
        let ([data, hash, fec], tree, parity) = self.place;
        self.dir.hardpan(&[&["repair", data, hash, fec, &self.root], tree, parity, &KNOWN, more].concat())
    }

    /// The exit code of a repair, and what it says.
    fn repaired(&self, more: &[&str]) -> (Option<i32>, String) {
        let output = self.repair(more);
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    fn verify(&self) -> (Option<i32>, String) {
        let ([data, hash, fec], tree, parity) = self.place;
        let own = ["verify", data, hash, &self.root, "--fec-device", fec, "--fec-roots=3"];
        let output = self.dir.hardpan(&[&own, tree, parity, &KNOWN].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Where block `index` of the tree is: its file, and the offset there.
    fn tree_block(&self, index: u64) -> (&'static str, u64) {
        let start = if self.place.1.is_empty() { BLOCK } else { BLOCKS * BLOCK + BLOCK };
        (self.place.0[1], start + index * BLOCK)
    }

    /// Damages data and a leaf of the tree.
    fn damage(&self) {
        for offset in [3 * BLOCK + 7, 4 * BLOCK, 299 * BLOCK + 4095] {
            self.dir.flip("data", offset);
        }
        let (file, offset) = self.tree_block(2);
        self.dir.flip(file, offset + 99);
    }

    fn is_sound(&self) -> bool {
        let mut names = self.sound.iter();
        names.all(|(name, bytes)| fs::read(self.dir.path(name)).unwrap() == *bytes)
            && self.dir.names().len() == self.sound.len()
    }
}

#[test]
fn parity_and_output_are_those_of_veritysetup() {
    if !is_there("parity_and_output_are_those_of_veritysetup", "veritysetup", &["--version"]) {
        return;
    }
    let uuid = format!("--uuid={UUID}");
    for ([data, hash, fec], tree, parity) in PLACES {
        let (ours, theirs) = (Dir::with_data(BLOCKS), Dir::with_data(BLOCKS));
        // veritysetup wants what is covered to be there, up to the parity in the same file.
        File::create(theirs.path("hash")).unwrap().set_len(if fec == "hash" { 32_768 } else { 0 }).unwrap();
        let own = ["format", data, hash, "--fec-device", fec, "--fec-roots=3", &uuid];
        let args = [&own, tree, parity, &KNOWN].concat();
        let (printed, (good, expected)) = (ours.ok(&args), theirs.veritysetup(&args));
        assert!(good);
        assert_eq!(root_hash(&printed), root_hash(&expected));
        if fec == "fec" {
            assert_eq!(printed, expected);
        }
        for name in ours.names() {
            assert!(
                fs::read(ours.path(&name)).unwrap() == fs::read(theirs.path(&name)).unwrap(),
                "{fec} {name}"
            );
        }
    }
}

/// What either encoded, the other can use; and veritysetup's own check of parity agrees with us where it is safe.
#[test]
fn veritysetup_repairs_by_our_parity_and_we_by_its() {
    if !is_there("veritysetup_repairs_by_our_parity_and_we_by_its", "veritysetup", &["--version"]) {
        return;
    }
    let image = Image::new(PLACES[0], "--fec-roots=3");
    let check = ["verify", "data", "hash", &image.root, "--fec-device=fec", "--fec-roots=3"];
    assert!(image.dir.veritysetup(&check).0);
    image.dir.flip("data", 5 * BLOCK + 100);
    assert!(!image.dir.veritysetup(&check[..4]).0);
    assert!(image.dir.veritysetup(&check).0, "veritysetup finds no repair in our parity");

    let format = ["format", "data", "hash", "--fec-device=fec", "--fec-roots=3", "--salt=ab"];
    image.dir.flip("data", 5 * BLOCK + 100);
    fs::remove_file(image.dir.path("fec")).unwrap();
    let (good, printed) = image.dir.veritysetup(&format);
    assert!(good && root_hash(&printed) == image.root);
    image.damage();
    assert_eq!(image.repaired(&["--fec-roots=3"]).0, Some(3));
    assert!(fs::read(image.dir.path("data")).unwrap() == image.sound[0].1);
}

#[test]
fn damage_is_repaired_wherever_the_areas_are() {
    for place in PLACES {
        let image = Image::new(place, "--fec-roots=3");
        let roots = "--fec-roots=3";
        assert_eq!(image.verify(), (Some(0), String::new()), "{place:?}");
        assert_eq!(image.repaired(&[roots]), (Some(0), String::new()), "{place:?}");
        image.damage();
        let (code, message) = image.verify();
        assert!(
            code == Some(1) && message.contains("parity can repair all of it (3 data and 1 hash blocks)"),
            "{message}"
        );
        let (code, message) = image.repaired(&[roots, "--dry-run"]);
        assert!(
            code == Some(1) && message.contains("nothing was written: data blocks 3-4, 299 (3 in all)"),
            "{message}"
        );
        let (code, message) = image.repaired(&[roots]);
        assert!(
            code == Some(3) && message.contains("repaired and verified: data blocks 3-4, 299 (3 in all)"),
            "{message}"
        );
        assert!(message.contains("hash blocks 2 (1 in all)"), "{message}");
        assert!(image.is_sound(), "{place:?}");
        assert_eq!(image.verify().0, Some(0));
    }
}

/// Case 1b.1: parity that was made for tampered data. veritysetup accepts it.
#[test]
fn forged_parity_is_refused() {
    let image = Image::new(PLACES[0], "--fec-roots=3");
    image.dir.flip("data", 5 * BLOCK);
    let hash = fs::read(image.dir.path("hash")).unwrap();
    image.dir.ok(&["format", "data", "forged", "--fec-device=fec", "--fec-roots=3", "--salt=ab"]);
    // The parity of the tampered data and of the tree as it was.
    let forged = parity(&fs::read(image.dir.path("data")).unwrap(), &hash, 3);
    fs::write(image.dir.path("fec"), &forged).unwrap();
    fs::remove_file(image.dir.path("forged")).unwrap();
    if is_there("forged_parity_is_refused", "veritysetup", &["--version"]) {
        let args = ["verify", "data", "hash", &image.root, "--fec-device=fec", "--fec-roots=3"];
        assert!(image.dir.veritysetup(&args).0, "veritysetup does not accept it any more");
    }
    let before = fs::read(image.dir.path("data")).unwrap();
    let (code, message) = image.verify();
    assert!(code == Some(1) && message.contains("parity cannot repair it"), "{message}");
    for more in [&["--fec-roots=3", "--parity"] as &[&str], &["--fec-roots=3", "--output=copy"]] {
        let (code, message) = image.repaired(more);
        assert!(code == Some(1) && message.contains("nothing was written"), "{message}");
    }
    assert!(fs::read(image.dir.path("data")).unwrap() == before);
    assert!(fs::read(image.dir.path("fec")).unwrap() == forged);
    assert_eq!(image.dir.names(), ["data", "fec", "hash"]);
}

#[test]
fn a_repaired_copy_leaves_the_original() {
    let image = Image::new(PLACES[0], "--fec-roots=3");
    image.dir.flip("data", 5 * BLOCK);
    let damaged = fs::read(image.dir.path("data")).unwrap();
    let roots = "--fec-roots=3";
    assert_eq!(image.repaired(&[roots, "--output=copy"]).0, Some(3));
    assert!(fs::read(image.dir.path("copy")).unwrap() == image.sound[0].1);
    assert!(fs::read(image.dir.path("data")).unwrap() == damaged);

    // With the tree damaged as well its copy is asked for.
    let (_, offset) = image.tree_block(0);
    image.dir.flip("hash", offset);
    let (code, message) = image.repaired(&[roots, "--output=copy2"]);
    assert!(code == Some(2) && message.contains("--hash-output"), "{message}");
    assert_eq!(image.repaired(&[roots, "--output=copy2", "--hash-output=copy3"]).0, Some(3));
    let sound = |name| &image.sound.iter().find(|(sound, _)| sound == name).unwrap().1;
    assert!(fs::read(image.dir.path("copy3")).unwrap() == *sound("hash"));
    symlink("data", image.dir.path("alias")).unwrap();
    for output in ["data", "alias", "hash", "fec"] {
        let (code, message) = image.repaired(&[roots, "--output", output]);
        assert!(code == Some(2) && message.contains("also something else"), "{message}");
    }
    let (code, _) = image.repaired(&[roots, "--output=same", "--hash-output=./same"]);
    assert_eq!(code, Some(2));
    assert!(fs::read(image.dir.path("data")).unwrap() == damaged);
    assert_eq!(image.dir.names(), ["alias", "copy", "copy2", "copy3", "data", "fec", "hash"]);
}

#[test]
fn damaged_parity_is_told_and_renewed() {
    for place in PLACES {
        let image = Image::new(place, "--fec-roots=3");
        let roots = "--fec-roots=3";
        let offset = place.2.first().map_or(0, |option| option["--fec-offset=".len()..].parse().unwrap());
        image.dir.flip(place.0[2], offset + 5000);
        let (code, message) = image.verify();
        assert!(code == Some(1) && message.contains("repair --parity"), "{message}");
        let (code, message) = image.repaired(&[roots]);
        assert!(
            code == Some(1) && message.contains("in 1 of 2 rounds: data and tree are sound"),
            "{message}"
        );
        let (code, message) = image.repaired(&[roots, "--parity"]);
        assert!(code == Some(3) && message.contains("written anew"), "{place:?} {message}");
        assert!(image.is_sound(), "{place:?}");
    }
    // Cut short, and together with damaged data in other words.
    let image = Image::new(PLACES[0], "--fec-roots=3");
    File::options().write(true).open(image.dir.path("fec")).unwrap().set_len(100).unwrap();
    let (code, message) = image.verify();
    assert!(
        code == Some(1) && message.contains("FEC area has 100 bytes, but the geometry needs 24576"),
        "{message}"
    );
    assert_eq!(image.repaired(&["--fec-roots=3", "--parity"]).0, Some(3));
    assert!(image.is_sound());
    image.dir.flip("fec", 3);
    image.dir.flip("data", 5 * BLOCK + 2000);
    let (code, message) = image.repaired(&["--fec-roots=3"]);
    assert!(code == Some(3) && message.contains("warning: the parity in fec is damaged"), "{message}");
    assert_eq!(image.repaired(&["--fec-roots=3", "--parity"]).0, Some(3));
    assert!(image.is_sound());
}

/// A journal that a killed run left is carried out, removed, or refused, by what is in it.
#[test]
fn an_interrupted_repair_is_finished() {
    let image = Image::new(PLACES[0], "--fec-roots=3");
    let roots = "--fec-roots=3";
    let journal = image.dir.path("hash.repair-journal");
    // Begun only.
    image.damage();
    fs::write(&journal, b"").unwrap();
    let (code, message) = image.repaired(&[roots]);
    assert!(code == Some(3) && message.contains("interrupted before it wrote anything"), "{message}");
    assert!(image.is_sound());

    // Sealed, and half of it written.
    image.damage();
    seal(&image, &journal, true);
    // Nothing of the parity is needed any more.
    image.dir.flip("fec", 10);
    let (code, message) = image.repaired(&[roots, "--parity"]);
    assert!(code == Some(3) && message.contains("finishing the repair"), "{message}");
    assert!(image.is_sound());

    // Of other data: refused, and neither journal nor data are touched.
    image.damage();
    seal(&image, &journal, false);
    let bytes = fs::read(&journal).unwrap();
    image.dir.flip("data", 100 * BLOCK);
    let before = fs::read(image.dir.path("data")).unwrap();
    let (code, message) = image.repaired(&[roots]);
    assert!(code == Some(2) && message.contains("remove it to repair anew"), "{message}");
    assert!(fs::read(&journal).unwrap() == bytes && fs::read(image.dir.path("data")).unwrap() == before);
    // Without it all is repaired.
    fs::remove_file(&journal).unwrap();
    assert_eq!(image.repaired(&[roots]).0, Some(3));
    assert!(image.is_sound());

    // No journal at all: not ours to remove or to write over.
    image.damage();
    for content in [b"something of somebody".as_slice(), &[0; 100]] {
        fs::write(&journal, content).unwrap();
        let (code, message) = image.repaired(&[roots]);
        assert!(code == Some(2) && message.contains("no journal of a repair"), "{message}");
        assert_eq!(fs::read(&journal).unwrap(), content);
    }
    fs::remove_file(&journal).unwrap();
    symlink("fec", &journal).unwrap();
    assert_eq!(image.repaired(&[roots]).0, Some(2));
    assert_eq!(image.repaired(&[roots, "--journal=fec"]).0, Some(2));
    fs::remove_file(&journal).unwrap();
    assert_eq!(image.repaired(&[roots, "--journal=elsewhere"]).0, Some(3));
    assert!(image.is_sound());
}

#[test]
fn two_repairs_do_not_meet() {
    let image = Image::new(PLACES[0], "--fec-roots=3");
    image.damage();
    let journal = image.dir.path("hash.repair-journal");
    let other = File::create(&journal).unwrap();
    other.lock().unwrap();
    let (code, message) = image.repaired(&["--fec-roots=3"]);
    assert!(code == Some(2) && message.contains("another repair is under way"), "{message}");
    assert!(journal.exists());
}

/// The five cases of overlap that cryptsetup tests, and links that hide them.
#[test]
fn areas_do_not_overlap() {
    let dir = Dir::with_data(BLOCKS);
    fs::hard_link(dir.path("data"), dir.path("alias")).unwrap();
    let before = fs::read(dir.path("data")).unwrap();
    let tree = "--hash-offset=1228800";
    let cases: [(&[&str], &str); 8] = [
        (&["data", "data", "--hash-offset=4096"], "would overlap"),
        (&["data", "hash", "--fec-device=data"], "would overlap the data"),
        (&["data", "hash", "--fec-device=alias", "--fec-offset=1224704"], "would overlap the data"),
        (&["data", "hash", "--fec-device=hash"], "not after the hash area"),
        (&["data", "hash", "--fec-device=./hash", "--fec-offset=16384"], "not after the hash area"),
        (&["data", "data", tree, "--fec-device=data", "--fec-offset=1245184"], "not after the hash area"),
        (&["data", "alias", tree, "--fec-device=data", "--fec-offset=4096"], "would overlap the data"),
        (&["data", "hash", "--fec-device=fec", "--fec-offset=512"], "not a multiple of 4096"),
    ];
    for (args, text) in cases {
        let message = dir.fails(2, &[&["format"], args, &KNOWN].concat());
        assert!(message.contains(text), "{args:?}: {message}");
    }
    for roots in ["1", "25", "0", "x", "256"] {
        let message = dir.fails(2, &["format", "data", "hash", "--fec-device=fec", "--fec-roots", roots]);
        assert!(message.contains("2 to 24"), "{message}");
    }
    for option in ["--fec-roots=3", "--fec-offset=0"] {
        assert!(dir.fails(2, &["format", "data", "hash", option]).contains("--fec-device"));
    }
    let message = dir.fails(2, &["format", "data", "hash", "--fec-device=fec", "--root-hash-file=fec"]);
    assert!(message.contains("file of its own"), "{message}");
    assert!(fs::read(dir.path("data")).unwrap() == before);
    assert_eq!(dir.names(), ["alias", "data"]);
}

#[test]
fn repair_speaks_json() {
    let image = Image::new(PLACES[0], "--fec-roots=3");
    let json = |more: &[&str]| -> Value {
        let output = image.repair(&[&["--fec-roots=3", "--json"], more].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!((&json(&[])["result"], &json(&[])["parity"]), (&"clean".into(), &"sound".into()));
    image.damage();
    let dry = json(&["--dry-run"]);
    assert_eq!(dry["result"], "repairable");
    assert_eq!(dry["blocks"]["data"]["ranges"], serde_json::json!([[3, 4], [299, 299]]));
    let (_, top) = image.tree_block(0);
    let noise: Vec<u8> = (0..250 * BLOCK).map(|index| (index % 251).to_le_bytes()[0]).collect();
    let data = fs::read(image.dir.path("data")).unwrap();
    fs::write(image.dir.path("data"), [&noise, &data[noise.len()..]].concat()).unwrap();
    let lost = json(&[]);
    assert_eq!((&lost["result"], &lost["blocks"]), (&"corrupt".into(), &Value::Null));
    // Of those under the damaged leaf, which cannot be repaired any more, nothing is known.
    assert_eq!(lost["damage"]["data"]["count"], 129);
    assert_eq!(lost["damage"]["unauthenticated_data"]["count"], 128);
    fs::write(image.dir.path("data"), data).unwrap();
    image.dir.flip("hash", top);
    assert_eq!(json(&[])["result"], "repaired");
    assert!(image.is_sound());
    let format = ["format", "data", "hash2", "--fec-device=fec2", "--fec-roots=24", "--json"];
    let facts: Value = serde_json::from_str(&image.dir.ok(&format)).unwrap();
    assert_eq!((&facts["fec"]["roots"], &facts["fec"]["size"]), (&24.into(), &(2 * 4096 * 24).into()));
    assert_eq!((&facts["fec"]["blocks"], &facts["fec"]["start_block"]), (&304.into(), &0.into()));
    // What parity there is decides nothing, and does not keep the descriptor from being one.
    fs::write(image.dir.path("json"), facts.to_string()).unwrap();
    image.dir.ok(&["verify", "data", "hash2", "--params=json", "--fec-device=fec2", "--fec-roots=24"]);
}

#[test]
fn block_devices_are_repaired_with_a_journal_elsewhere() {
    if !is_there("block_devices_are_repaired_with_a_journal_elsewhere", "losetup", &["--find"]) {
        return;
    }
    let dir = Dir::with_data(BLOCKS);
    for (name, blocks) in [("hash-image", 5), ("fec-image", 4), ("small-image", 3)] {
        File::create(dir.path(name)).unwrap().set_len(blocks * BLOCK).unwrap();
    }
    let [data, hash, fec, small] =
        ["data", "hash-image", "fec-image", "small-image"].map(|name| Loop::new(&dir.path(name)));
    let message =
        dir.fails(2, &[&["format", &data.0, &hash.0, "--fec-device", &small.0], &KNOWN[..]].concat());
    assert!(message.contains("the FEC area ends at byte 16384, the device at 12288"), "{message}");
    let root =
        root_hash(&dir.ok(&[&["format", &data.0, &hash.0, "--fec-device", &fec.0], &KNOWN[..]].concat()));
    let sound = fs::read(dir.path("data")).unwrap();
    drop(data);
    dir.flip("data", 7 * BLOCK);
    let data = Loop::new(&dir.path("data"));
    let args = [&["repair", &data.0, &hash.0, &fec.0, &root], &KNOWN[..]].concat();
    assert!(dir.fails(2, &args).contains("--journal"));
    let output = dir.hardpan(&[args.as_slice(), &["--journal=journal"]].concat());
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    drop(data);
    assert!(fs::read(dir.path("data")).unwrap() == sound && !dir.path("journal").exists());
}

/// The parity over data and a hash file.
fn parity(data: &[u8], hash: &[u8], roots: u64) -> Vec<u8> {
    let layout = layout(hash.len() as u64, roots);
    let sink = std::sync::Mutex::new(Vec::new());
    hardpan_verity::fec::encode(&data, &hash, &layout, &sink, &|_| true).unwrap();
    sink.into_inner().unwrap()
}

fn params() -> Params {
    Params::new(BLOCKS.try_into().unwrap(), "ab".parse().unwrap())
}

fn layout(hash_len: u64, roots: u64) -> FecLayout {
    let roots = Roots::new(roots).unwrap();
    let fec = FecArea { roots, offset: 0, on_data_device: false, on_hash_device: false };
    FecLayout::new(&params(), HashArea::with_superblock(0).unwrap(), fec, hash_len).unwrap()
}

/// What a run leaves that is killed once its journal is sealed: before anything is written, or with the data written.
fn seal(image: &Image, path: &std::path::Path, data_is_written: bool) {
    let open = |name| File::options().read(true).write(true).open(image.dir.path(name)).unwrap();
    let (data, hash, fec) = (open("data"), open("hash"), open("fec"));
    let journal = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    let layout = layout(hash.size().unwrap(), 3);
    let (params, area) = (params(), HashArea::with_superblock(0).unwrap());
    let root = RootHash::parse(params.algorithm, &image.root).unwrap();
    let expected = Expected::new(params, root, area);
    let damaged = Damaged { data: &data, hash: &hash, fec: &fec, layout: &layout, expected: &expected };
    Journal::begin(&journal).unwrap();
    let found = find_repairs(damaged, &journal, JOURNAL_CONTENTS, &|_| true).unwrap();
    let Found::Repairs(repairs) = found else { panic!("{found:?}") };
    Journal::seal(&repairs, &journal, || Ok(())).unwrap();
    if data_is_written {
        repairs.write(Part::Data, &journal, &data).unwrap();
    }
}

/// Who has the descriptor need not say again how the parity was made, and cannot say it otherwise.
#[test]
fn the_descriptor_knows_the_shape_of_the_parity() {
    let dir = Dir::with_data(BLOCKS);
    let parity = ["--fec-device=hash", "--fec-roots=5", "--fec-offset=32768"];
    let json = dir.ok(&[&["format", "data", "hash", "--json"], &parity[..]].concat());
    fs::write(dir.path("image.json"), json).unwrap();
    let sound = fs::read(dir.path("data")).unwrap();
    dir.flip("data", 3 * BLOCK);
    let repair = ["repair", "data", "hash", "hash", "--params=image.json"];
    let said = dir.fails(2, &[&repair[..], &["--fec-roots=2"]].concat());
    assert!(said.contains("--fec-roots is 2, the source of the parameters has 5"), "{said}");
    dir.fails(2, &[&repair[..], &["--fec-offset=36864"]].concat());
    let output = dir.hardpan(&repair);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(fs::read(dir.path("data")).unwrap() == sound);
    dir.ok(&["verify", "data", "hash", "--params=image.json", "--fec-device=hash"]);
}

/// The code of parity is not in the parity: with other roots all of it would look damaged, and be written over.
#[test]
fn the_shape_of_parity_comes_with_the_root_hash() {
    let image = Image::new(PLACES[1], "--fec-roots=9");
    let dir = &image.dir;
    let format = ["format", "data", "tree", "--fec-device=tree", "--fec-roots=9", "--fec-offset=32768"];
    fs::write(dir.path("json"), dir.ok(&[&format[..], &["--json"]].concat())).unwrap();
    let sound = fs::read(dir.path("tree")).unwrap();
    let json: Value = serde_json::from_slice(&fs::read(dir.path("json")).unwrap()).unwrap();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    let table = format!(
        "1 /data /tree 4096 4096 300 1 sha256 {} {} 8 use_fec_from_device /tree fec_roots 9 fec_blocks {} fec_start 8",
        text("root_hash"),
        text("salt"),
        json["fec"]["blocks"]
    );
    fs::write(dir.path("table"), table).unwrap();
    for known in ["--params=json", "--table-file=table"] {
        dir.ok(&["verify", "data", "tree", "--fec-device=tree", known]);
        dir.ok(&["repair", "data", "tree", "tree", "--parity", known]);
        for other in ["--fec-roots=2", "--fec-offset=36864"] {
            let message = dir.fails(2, &["repair", "data", "tree", "tree", "--parity", known, other]);
            assert!(message.contains("the source of the parameters has"), "{message}");
        }
        assert!(fs::read(dir.path("tree")).unwrap() == sound, "{known}");
    }
}

/// Behind the data and their parity there is nothing, or something that nobody answers for.
#[test]
fn nothing_hides_behind_parity_on_the_data_device() {
    let place: Place = (["data", "hash", "data"], &[], &["--fec-offset=1228800"]);
    let image = Image::new(place, "--fec-roots=3");
    assert_eq!((image.verify().0, image.repaired(&["--fec-roots=3"]).0), (Some(0), Some(0)));
    let data = fs::read(image.dir.path("data")).unwrap();
    fs::write(image.dir.path("data"), [&data[..], &[7; 4096]].concat()).unwrap();
    let (code, message) = image.verify();
    assert!(code == Some(1) && message.contains("after the data"), "{code:?} {message}");
    assert_eq!(image.repaired(&["--fec-roots=3"]).0, Some(1));
}

/// A partial last block is not protected: what `verify` refuses, `repair` does not call clean.
#[test]
fn a_partial_block_is_not_clean() {
    let image = Image::new(PLACES[0], "--fec-roots=3");
    let data = fs::read(image.dir.path("data")).unwrap();
    fs::write(image.dir.path("data"), [&data[..], &[0]].concat()).unwrap();
    assert_eq!(image.verify().0, Some(1));
    let (code, message) = image.repaired(&["--fec-roots=3"]);
    assert!(code == Some(1) && message.contains("the last 1 bytes"), "{code:?} {message}");
}

/// What says how an image should be is not replaced by a copy of it.
#[test]
fn a_copy_does_not_replace_what_was_read() {
    let image = Image::new(PLACES[0], "--fec-roots=3");
    let dir = &image.dir;
    let root = &image.root;
    fs::write(dir.path("root"), root).unwrap();
    fs::hard_link(dir.path("root"), dir.path("alias")).unwrap();
    dir.flip("data", 9000);
    let args =
        ["repair", "data", "hash", "fec", "--fec-roots=3", "--root-hash-file=root", "--trust-superblock"];
    for output in ["root", "alias"] {
        let message = dir.fails(2, &[&args[..], &["--output", output]].concat());
        assert!(message.contains("is also something else"), "{message}");
    }
    assert_eq!(fs::read_to_string(dir.path("root")).unwrap(), *root);
}
