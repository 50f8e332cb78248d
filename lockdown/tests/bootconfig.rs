//! Boot configurations beside the kernel's own reader of them, which is built from its source as `tools/bootconfig`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use hardpan_lockdown::bootconfig::BootConfig;
use hardpan_report::Location;

/// `cargo xtask peers` builds it below `target/peers`.
#[expect(clippy::print_stderr, reason = "a skip is to be seen, and tests have no other channel")]
fn peer() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/peers");
    let folder = std::env::var_os("HARDPAN_PEERS").map_or_else(default, PathBuf::from);
    let found = Some(folder.join("bootconfig")).filter(|path| path.is_file());
    if found.is_none() {
        let asked = std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some();
        assert!(
            asked,
            "the kernel's bootconfig is missing (cargo xtask peers; set HARDPAN_WITHOUT_PEERS to skip)"
        );
        eprintln!("skipped: boot configurations beside the kernel's reader: bootconfig missing");
    }
    found
}

/// As `bootconfig -l` prints it; `None` where the text is refused.
fn ours(text: &str) -> Option<String> {
    let config = BootConfig::parse(text.as_bytes(), Location::file("x")).ok()?;
    let quoted = |value: &String| {
        let quote = if value.contains('"') { '\'' } else { '"' };
        format!("{quote}{value}{quote}")
    };
    let line = |(key, values): (String, Option<&[String]>)| {
        // The program shows nothing behind a first value that is empty.
        let values = match values {
            Some([first, ..]) if first.is_empty() => "\"\"".to_owned(),
            Some(values) => values.iter().map(quoted).collect::<Vec<_>>().join(", "),
            None => "\"\"".to_owned(),
        };
        format!("{key} = {values}\n")
    };
    Some(config.keys().into_iter().map(line).collect())
}

fn theirs(program: &Path, dir: &Path, text: &str) -> Option<String> {
    let file = dir.join("x.bconf");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(program).arg("-l").arg(&file).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

const TEXTS: [&str; 23] = [
    "a = 1\n",
    "a.b = 1; a.c = 2\na.b.d = 3\n",
    "a { b { c = 1 } d }\n",
    "a {\n b = 1, 2, 'three'\n}\n",
    "a = 1\na += 2, 3\na := 4, 5\na += 6\n",
    "a\na.b\n",
    "a = \"x\" # comment\nb = y # comment\n# c = z\n",
    "a = 1, # why\n 2\n",
    "a = \n\n 1\n",
    "a = ;b\n",
    "a { b = 1 }; c = {x\n",
    "a = 1",
    "a = 1 ",
    "a",
    "a b = 1\n",
    "a..b = 1\n",
    "a = 'b' c\n",
    "a = 'b\n",
    "a {\n",
    "a }\n",
    "a = 1\na = 2\n",
    "a +b\n",
    "\n\n",
];

/// One word too many. Texts with nearly as many are left out: the program takes them, and then fails to print their keys.
const DEEP: &str = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1\n";

/// Pieces of which statements are made, in an order that a generator of numbers chooses.
const PIECES: [&str; 20] = [
    "a", "b.c", "-_", ".", " = ", "=", "+=", " := ", "{", "}", ";", "\n", "#", ",", "\"", "'", "x y", "1",
    " ", "\t",
];

#[test]
fn the_kernels_reader_takes_and_refuses_the_same() {
    let Some(program) = peer() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut texts: Vec<String> = TEXTS.iter().map(ToString::to_string).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..400 {
        let mut text = TEXTS[next(TEXTS.len())].to_owned();
        for _ in 0..=next(4) {
            text.insert_str(next(text.len() + 1), PIECES[next(PIECES.len())]);
        }
        texts.push(text);
    }
    texts.push(DEEP.to_owned());
    let mut taken = 0;
    for text in &texts {
        let wanted = theirs(&program, dir.path(), text);
        taken += usize::from(wanted.is_some());
        assert_eq!(ours(text), wanted, "{text:?}");
    }
    assert!(
        taken > 60 && taken < texts.len() - 60,
        "{taken} of {} are taken: too much of one kind",
        texts.len()
    );
}
