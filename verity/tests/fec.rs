//! Parity against veritysetup, byte for byte.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests, some of which are skipped aloud")]

#[expect(dead_code, reason = "shared with tests of trees")]
mod common;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;

use common::{Random, go_on, params};
use hardpan_verity::fec::{FecArea, FecLayout, Roots, check_parity, encode};
use hardpan_verity::{BlockSize, BlockSource, Error, HashArea, Params};
use tempfile::TempDir;

/// Which areas are in which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Three files.
    Separate,
    /// The tree and behind it the parity.
    WithHash,
    /// Data, tree, parity.
    OneFile,
    /// Data and tree in one file, parity in another.
    DataAndHash,
}

/// Data, and what veritysetup made of it.
struct Case {
    dir: TempDir,
    params: Params,
    area: HashArea,
    fec: FecArea,
    place: Place,
}

impl Case {
    /// Lets veritysetup format `blocks` blocks, with `gap` zero blocks between tree and parity where they share a file.
    fn new(blocks: usize, block_size: u32, roots: u64, place: Place, (superblock, gap): (bool, u64)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = Random(blocks as u64 * 31 + roots).bytes(blocks * block_size as usize);
        fs::write(dir.path().join("data"), &data).unwrap();
        let mut params = params(blocks, b"salt");
        params.data_block_size = BlockSize::new(block_size).unwrap();
        params.hash_block_size = params.data_block_size;
        let shares_data = matches!(place, Place::OneFile | Place::DataAndHash);
        let offset = if shares_data { data.len() as u64 } else { 0 };
        let area = if superblock {
            HashArea::with_superblock(offset).unwrap()
        } else {
            HashArea::without_superblock(offset)
        };
        let tree_end = hardpan_verity::Layout::new(&params, area).unwrap().end;
        let on_hash_device = matches!(place, Place::WithHash | Place::OneFile);
        let fec = FecArea {
            roots: Roots::new(roots).unwrap(),
            offset: if on_hash_device { tree_end + gap * u64::from(block_size) } else { 0 },
            on_data_device: place == Place::OneFile,
            on_hash_device,
        };
        let case = Self { dir, params, area, fec, place };
        case.format_theirs();
        case
    }

    fn path(&self, role: &str) -> PathBuf {
        let name = match (self.place, role) {
            (Place::OneFile, _) | (Place::DataAndHash, "data" | "hash") => "data",
            (Place::WithHash, "fec") => "hash",
            _ => role,
        };
        self.dir.path().join(name)
    }

    fn options(&self) -> Vec<String> {
        let mut options = vec![
            format!("--hash-offset={}", self.area.offset()),
            format!("--fec-device={}", self.path("fec").display()),
            format!("--fec-roots={}", self.fec.roots),
            format!("--fec-offset={}", self.fec.offset),
        ];
        if !self.area.has_superblock() {
            options.push("--no-superblock".to_owned());
        }
        options
    }

    fn geometry(&self) -> [String; 4] {
        let size = self.params.data_block_size.bytes();
        [
            format!("--salt={}", self.params.salt),
            format!("--data-blocks={}", self.params.data_blocks),
            format!("--data-block-size={size}"),
            format!("--hash-block-size={size}"),
        ]
    }

    fn format_theirs(&self) {
        for role in ["hash", "fec"] {
            let file = File::options().append(true).create(true).open(self.path(role)).unwrap();
            // veritysetup reads what parity covers, and does not make it.
            if role == "fec" && file.size().unwrap() < self.fec.offset {
                file.set_len(self.fec.offset).unwrap();
            }
        }
        let mut command = Command::new("veritysetup");
        command.arg("format").args([self.path("data"), self.path("hash")]);
        let output = run(command.args(self.options()).args(self.geometry()));
        assert!(output.status.success(), "{output:?}");
    }

    fn open(&self, role: &str) -> File {
        File::options().read(true).write(true).open(self.path(role)).unwrap()
    }

    fn layout(&self) -> FecLayout {
        let len = self.open("hash").size().unwrap();
        FecLayout::new(&self.params, self.area, self.fec, len).unwrap()
    }

    /// Our parity, computed over their data and tree.
    fn ours(&self, layout: &FecLayout) -> Vec<u8> {
        let sink = Mutex::new(Vec::new());
        encode(&self.open("data"), &self.open("hash"), layout, &sink, &go_on).unwrap();
        sink.into_inner().unwrap().split_off(usize::try_from(layout.parity_start).unwrap())
    }

    fn theirs(&self, layout: &FecLayout) -> Vec<u8> {
        let mut parity = vec![0; usize::try_from(layout.parity_size).unwrap()];
        let read = self.open("fec").read_exact_at(&mut parity, layout.parity_start);
        assert!(read.is_ok(), "{}: {layout:?} {}", self.name(), self.open("fec").size().unwrap());
        parity
    }

    fn name(&self) -> String {
        format!("{} blocks, {:?}, {:?}", self.params.data_blocks, self.fec, self.place)
    }
}

/// Whether veritysetup is there. Its absence fails, unless the environment says that peers may be missing.
fn veritysetup_is_there(test: &str) -> bool {
    let there = Command::new("veritysetup").arg("--version").output().is_ok();
    if !there {
        let excused = std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some();
        assert!(excused, "veritysetup is missing (cryptsetup-bin)");
        eprintln!("skipped: {test}: veritysetup missing");
    }
    there
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[test]
fn the_same_parity_for_every_layout() {
    if !veritysetup_is_there("the_same_parity_for_every_layout") {
        return;
    }
    // veritysetup makes two system calls for each byte, so that most blocks are small.
    for place in [Place::Separate, Place::WithHash, Place::OneFile, Place::DataAndHash] {
        for extent in [(true, 0), (true, 3), (false, 0)] {
            for (blocks, size, roots) in
                [(2, 512, 24), (130, 512, 3), (253, 512, 2), (400, 512, 24), (1000, 512, 2), (5, 4096, 2)]
            {
                compare(&Case::new(blocks, size, roots, place, extent));
            }
        }
    }
    compare(&Case::new(700, 4096, 2, Place::Separate, (true, 0)));
    compare(&Case::new(60, 65_536, 24, Place::Separate, (true, 0)));
    // One block, which has no tree. Behind the data veritysetup would find less than no hash area, and write no parity.
    compare(&Case::new(1, 4096, 2, Place::Separate, (true, 0)));
}

fn compare(case: &Case) {
    let layout = case.layout();
    assert!(case.ours(&layout) == case.theirs(&layout), "{}", case.name());
    if case.place == Place::Separate {
        assert_eq!(layout.parity_end(), case.open("fec").size().unwrap(), "{}", case.name());
    }
}

#[test]
fn the_same_parity_for_every_number_of_roots() {
    if !veritysetup_is_there("the_same_parity_for_every_number_of_roots") {
        return;
    }
    for roots in 2..=24 {
        let case = Case::new(520, 512, roots, Place::Separate, (true, 0));
        let layout = case.layout();
        let mut theirs = case.theirs(&layout);
        assert!(case.ours(&layout) == theirs, "{roots}");
        let check =
            |parity: &Vec<u8>| check_parity(&case.open("data"), &case.open("hash"), parity, &layout, &go_on);
        assert!(check(&theirs).unwrap().is_empty());
        let last = theirs.len() - 1;
        theirs[last] ^= 1;
        assert_eq!(check(&theirs).unwrap().to_string(), (layout.rounds - 1).to_string());
        theirs.pop();
        assert!(matches!(check(&theirs), Err(Error::TooShort { what: "FEC area", .. })));
    }
}
