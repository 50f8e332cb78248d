//! Decompression of single files against the tools that made them, and against damage.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use hardpan_image::{Compression, Error, Fault, decompress, read_to_vec};

const TOOLS: [(&str, Compression); 3] =
    [("gzip", Compression::Gzip), ("xz", Compression::Xz), ("zstd", Compression::Zstd)];

/// What a tool makes of its standard input.
fn pack(tool: &str, options: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(tool)
        .args(["-q", "-c"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect(tool);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success(), "{tool} {options:?}");
    output.stdout
}

fn unpack(compression: Compression, packed: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
    let unpacked = decompress(&packed.to_vec(), compression, limit)?;
    Ok(read_to_vec(&*unpacked, u64::MAX).unwrap())
}

/// Text that compresses, with parts that do not.
fn sample(len: usize) -> Vec<u8> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 64);
    while bytes.len() < len {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if random.is_multiple_of(3) {
            bytes.extend_from_slice(&random.to_le_bytes());
        } else {
            bytes.extend_from_slice(b"the same words again and again, ");
        }
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn every_level_and_check_unpacks_to_what_was_packed() {
    for len in [0, 1, 70_000, 6 << 20] {
        let bytes = sample(len);
        for (tool, compression) in TOOLS {
            let packed = pack(tool, &[], &bytes);
            assert_eq!(Compression::of(&packed), Some(compression));
            assert!(unpack(compression, &packed, len as u64).unwrap() == bytes, "{tool} {len}");
        }
    }
    let bytes = sample(300_000);
    let options: [(&str, Compression, &[&str]); 10] = [
        ("xz", Compression::Xz, &["--check=crc32", "--lzma2=dict=1MiB"]),
        ("xz", Compression::Xz, &["--check=none"]),
        ("xz", Compression::Xz, &["--check=sha256", "-0"]),
        ("xz", Compression::Xz, &["--x86", "--lzma2=preset=9"]),
        ("xz", Compression::Xz, &["--arm64", "--lzma2"]),
        ("xz", Compression::Xz, &["--block-size=50000"]),
        ("zstd", Compression::Zstd, &["-19", "--no-check"]),
        ("zstd", Compression::Zstd, &["--long=27"]),
        ("zstd", Compression::Zstd, &["--fast=5", "--no-compress-literals"]),
        ("gzip", Compression::Gzip, &["-9"]),
    ];
    for (tool, compression, options) in options {
        // Not every version knows every filter.
        if options[0] == "--arm64" && !knows_arm64() {
            continue;
        }
        let packed = pack(tool, options, &bytes);
        assert!(unpack(compression, &packed, 300_000).unwrap() == bytes, "{tool} {options:?}");
    }
}

fn knows_arm64() -> bool {
    let help = Command::new("xz").arg("--long-help").output().unwrap();
    String::from_utf8_lossy(&help.stdout).contains("--arm64")
}

#[test]
fn one_byte_over_the_limit_is_over_it() {
    let bytes = sample(100_000);
    for (tool, compression) in TOOLS {
        let packed = pack(tool, &[], &bytes);
        assert!(unpack(compression, &packed, 100_000).is_ok());
        let error = unpack(compression, &packed, 99_999).unwrap_err();
        assert!(matches!(error, Error::Limit { limit: 99_999, .. }), "{tool}: {error}");
    }
}

/// A dictionary is allocated before the first byte comes out, so that its size is held against a limit first.
#[test]
fn windows_over_the_limit_are_refused() {
    // Single segments and small inputs get small windows, so that the fields are written by hand.
    let mut frame = pack("zstd", &["--no-content-size"], &sample(3 << 20));
    assert_eq!(frame[4] & 0x23, 0, "the frame has a window descriptor and no dictionary");
    frame[5] = 17 << 3;
    assert!(unpack(Compression::Zstd, &frame, u64::MAX).is_ok(), "128 MiB");
    frame[5] = 18 << 3;
    let error = unpack(Compression::Zstd, &frame, u64::MAX).unwrap_err();
    assert_eq!(error.fault(), Fault::Limit, "{error}");
    for (dictionary, accepted) in [("64MiB", true), ("128MiB", true), ("192MiB", false)] {
        let packed = pack("xz", &[&format!("--lzma2=preset=0,dict={dictionary}")], &sample(5000));
        match unpack(Compression::Xz, &packed, u64::MAX) {
            Ok(_) => assert!(accepted, "{dictionary}"),
            Err(error) => assert_eq!((error.fault(), accepted), (Fault::Limit, false), "{error}"),
        }
    }
}

/// What the tools themselves refuse is refused. They go on after some damage that loses nothing, such as a changed name in a
/// gzip header, so that theirs is the measure.
#[test]
fn every_cut_and_changed_bit_is_judged_as_the_tool_does() {
    let bytes = sample(3000);
    for (tool, compression) in TOOLS {
        let packed = pack(tool, &[], &bytes);
        for cut in 0..packed.len() {
            if cut >= 6 {
                let error = unpack(compression, &packed[..cut], 1 << 20).unwrap_err();
                assert_eq!(error.fault(), Fault::Input, "{tool} cut at {cut}: {error}");
            }
        }
        for at in (0..packed.len()).step_by(packed.len() / 60) {
            let mut damaged = packed.clone();
            damaged[at] ^= 1 << (at % 8);
            let ours = unpack(compression, &damaged, 1 << 20);
            assert_eq!(ours.ok(), accepted(tool, &damaged), "{tool} at {at}");
        }
        let trailed = [&packed[..], b"trailing"].concat();
        assert!(unpack(compression, &trailed, 1 << 20).is_err(), "{tool}");
    }
}

fn accepted(tool: &str, packed: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(tool)
        .args(["-q", "-d", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect(tool);
    let _ = child.stdin.take().unwrap().write_all(packed);
    let output = child.wait_with_output().unwrap();
    output.status.success().then_some(output.stdout)
}
