//! Where trees are written: files, links, devices, file systems that fail, and runs that are interrupted.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{BLOCK, Dir, root_hash};
use crate::util::{is_there, lacks, names};

/// Case 7: links to the data.
#[test]
fn data_is_never_overwritten_whatever_link_leads_there() {
    let dir = Dir::with_data(130);
    let before = fs::read(dir.path("data")).unwrap();
    symlink("data", dir.path("symlink")).unwrap();
    fs::hard_link(dir.path("data"), dir.path("hardlink")).unwrap();
    let absolute = dir.path("data").into_os_string().into_string().unwrap();
    for alias in ["data", "symlink", "hardlink", &absolute] {
        let message = dir.fails(2, &["format", "data", alias]);
        assert!(message.contains("--data-blocks"), "{message}");
        let message = dir.fails(2, &["format", "data", alias, "--data-blocks=130", "--hash-offset=528384"]);
        assert!(message.contains("would overlap") && message.contains("--hash-offset 532480"), "{message}");
        assert!(
            dir.fails(2, &["format", "data", "hash", "--root-hash-file", alias]).contains("file of its own")
        );
    }
    assert!(dir.fails(2, &["format", "data", "hash", "--root-hash-file=./hash"]).contains("file of its own"));
    assert!(fs::read(dir.path("data")).unwrap() == before);
    assert_eq!(dir.names(), ["data", "hardlink", "symlink"]);
}

/// Case 9: FIFOs, directories and devices without blocks.
#[test]
fn what_is_no_file_or_device_is_refused() {
    if lacks(&["mkfifo"]) {
        return;
    }
    let dir = Dir::with_data(2);
    fs::create_dir(dir.path("directory")).unwrap();
    assert!(dir.command("mkfifo", &["fifo"]).status().unwrap().success());
    for (name, kind) in
        [("directory", "a directory"), ("fifo", "a FIFO"), ("/dev/full", "a character device")]
    {
        assert!(dir.fails(2, &["format", name, "hash"]).contains(kind), "{name}");
        assert!(dir.fails(2, &["format", "data", name]).contains(kind), "{name}");
        assert!(dir.fails(2, &["dump", name]).contains(kind), "{name}");
    }
    let message = dir.fails(2, &["format", "missing", "hash"]);
    assert!(message.contains("cannot open data missing: No such file"), "{message}");
    let message = dir.fails(2, &["format", "data", "nowhere/hash"]);
    assert!(message.contains("nowhere/hash") && message.contains("No such file"), "{message}");
}

#[test]
fn the_hash_file_is_replaced_in_one_step_where_it_really_is() {
    let dir = Dir::with_data(130);
    fs::create_dir(dir.path("elsewhere")).unwrap();
    fs::write(dir.path("elsewhere/real"), b"old").unwrap();
    fs::set_permissions(dir.path("elsewhere/real"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("elsewhere/real", dir.path("hash")).unwrap();
    let inode = dir.path("elsewhere/real").metadata().unwrap().ino();
    dir.ok(&["format", "data", "hash"]);
    assert!(dir.path("hash").symlink_metadata().unwrap().is_symlink());
    let metadata = dir.path("elsewhere/real").metadata().unwrap();
    assert_ne!(metadata.ino(), inode);
    assert_eq!((metadata.len(), metadata.mode() & 0o777), (4 * BLOCK, 0o640));
    assert_eq!(names(&dir.path("elsewhere")), ["real"]);
}

/// Case 9: signals.
#[test]
fn a_signal_leaves_nothing_behind() {
    if lacks(&["kill"]) {
        return;
    }
    let dir = Dir::new();
    // Holes take long enough to hash, and no room.
    File::create(dir.path("data")).unwrap().set_len(256 << 30).unwrap();
    fs::write(dir.path("hash"), b"old").unwrap();
    interrupt(&dir, &["format", "data", "hash"], "TERM", || dir.names().len() > 2);
    assert_eq!(dir.names(), ["data", "hash"]);
    assert_eq!(fs::read(dir.path("hash")).unwrap(), b"old");

    // In place, an old superblock is gone and no new one is there.
    let offset = "--hash-offset=274877906944";
    dir.ok(&["format", "data", "data", "--data-blocks=1000", offset]);
    dir.ok(&["dump", "data", offset]);
    interrupt(&dir, &["format", "data", "data", "--data-blocks=67108864", offset], "INT", || {
        dir.hardpan(&["dump", "data", offset]).status.code() == Some(2)
    });
    let message = dir.fails(2, &["dump", "data", offset]);
    assert!(message.contains("there is no superblock here"), "{message}");
}

/// Starts a command, sends it a signal when it has got somewhere, and expects it to end soon and say why.
fn interrupt(dir: &Dir, args: &[&str], signal: &str, is_under_way: impl FnMut() -> bool) {
    interrupt_then(dir, args, signal, is_under_way, || ());
}

/// The same with something to do once the signal is sent.
fn interrupt_then(
    dir: &Dir,
    args: &[&str],
    signal: &str,
    mut is_under_way: impl FnMut() -> bool,
    then: impl FnOnce(),
) {
    let args = [&["verity"], args].concat();
    let mut command = dir.command(env!("CARGO_BIN_EXE_hardpan"), &args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while !is_under_way() {
        if begin.elapsed() > Duration::from_mins(1) {
            // Left alone it would go on hashing for minutes.
            child.kill().unwrap();
            panic!("did not begin");
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(child.try_wait().unwrap().is_none(), "ended before the signal");
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    then();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("interrupted"));
}

/// A loop device over a file, as long as it lives.
pub(super) struct Loop(pub(super) String);

impl Loop {
    pub(super) fn new(file: &Path) -> Self {
        Self::with(&[], file)
    }

    fn with(options: &[&str], file: &Path) -> Self {
        let mut losetup = Command::new("losetup");
        let output = losetup.args(["--find", "--show"]).args(options).arg(file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // A device that stays is a nuisance, not a wrong result.
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
fn block_devices_are_written_in_place() {
    if !is_there("block_devices_are_written_in_place", "losetup", &["--find"]) {
        return;
    }
    let dir = Dir::with_data(300);
    for (name, blocks) in [("hash-image", 8), ("small-image", 3)] {
        File::create(dir.path(name)).unwrap().set_len(blocks * BLOCK).unwrap();
    }
    let [data, hash, small] = ["data", "hash-image", "small-image"].map(|name| Loop::new(&dir.path(name)));
    let message = dir.fails(2, &["format", &data.0, &small.0]);
    assert!(message.contains("ends at byte 20480, the device at 12288"), "{message}");

    let root = root_hash(&dir.ok(&["format", &data.0, &hash.0, "--salt=ab"]));
    let known = ["--data-blocks=300", "--salt=ab"];
    dir.ok(&[&["verify", &data.0, &hash.0, &root], known.as_slice()].concat());
    let message = dir.fails(2, &["format", &data.0, &data.0]);
    assert!(message.contains("--data-blocks"), "{message}");
    // Another node of the same device is the same device.
    let rdev = Path::new(&data.0).metadata().unwrap().rdev();
    let (major, minor) = ((rdev >> 8).to_string(), (rdev & 0xff).to_string());
    assert!(dir.command("mknod", &["alias", "b", &major, &minor]).status().unwrap().success());
    let message = dir.fails(2, &["format", &data.0, "alias", "--data-blocks=300"]);
    assert!(message.contains("would overlap"), "{message}");

    // What an older tree left behind the new one is found.
    drop((hash, small));
    dir.flip("hash-image", 6 * BLOCK);
    let hash = Loop::new(&dir.path("hash-image"));
    let message = dir.fails(1, &[&["verify", &data.0, &hash.0, &root], known.as_slice()].concat());
    assert!(message.contains("bytes 20480 to 32768 after the tree"), "{message}");

    // Formatting again overwrites it, for all of the device is the hash area's.
    let root = root_hash(&dir.ok(&["format", &data.0, &hash.0, "--salt=ab"]));
    dir.ok(&[&["verify", &data.0, &hash.0, &root], known.as_slice()].concat());
    drop(hash);
    let bytes = fs::read(dir.path("hash-image")).unwrap();
    assert!(bytes.len() as u64 == 8 * BLOCK && bytes[5 * 4096..].iter().all(|byte| *byte == 0));
}

/// Case 7: a loop device and the file under it are the same bytes, also where the device starts inside the file.
#[test]
fn a_loop_device_is_the_file_under_it() {
    if !is_there("a_loop_device_is_the_file_under_it", "losetup", &["--find"]) {
        return;
    }
    let dir = Dir::with_data(310);
    let before = fs::read(dir.path("data")).unwrap();
    let whole = Loop::new(&dir.path("data"));
    let part = Loop::with(&["--offset", "1228800"], &dir.path("data"));
    let front = Loop::with(&["--sizelimit", "1228800"], &dir.path("data"));
    for (data, hash) in [("data", &whole.0), (&whole.0, &"data".to_owned())] {
        let message = dir.fails(2, &["format", data, hash]);
        assert!(message.contains("say with --data-blocks where the data ends"), "{message}");
        let message = dir.fails(2, &["format", data, hash, "--data-blocks=300"]);
        assert!(message.contains("would overlap"), "{message}");
    }
    for (data, hash) in [("data", &part.0), (&part.0, &whole.0), (&whole.0, &part.0)] {
        let message = dir.fails(2, &["format", data, hash, "--data-blocks=1"]);
        assert!(message.contains("have bytes in common at different offsets"), "{message}");
        let message = dir.fails(2, &["format", "data", "hash", "--data-blocks=1", "--root-hash-file", hash]);
        assert!(message.contains("file of its own"), "{message}");
    }
    assert!(fs::read(dir.path("data")).unwrap() == before);
    // Two devices over parts of one file that have no byte in common are two devices.
    let root = root_hash(&dir.ok(&["format", &front.0, &part.0, "--salt=ab"]));
    dir.ok(&["verify", &front.0, &part.0, &root, "--data-blocks=300", "--salt=ab"]);
}

#[test]
fn a_device_is_appended_to_where_it_is_empty() {
    if !is_there("a_device_is_appended_to_where_it_is_empty", "losetup", &["--find"]) {
        return;
    }
    let dir = Dir::with_data(310);
    let device = Loop::new(&dir.path("data"));
    assert!(dir.fails(2, &["format", &device.0, "--append"]).contains("say with --data-blocks"));
    let append = ["format", &device.0, "--append", "--data-blocks=300", "--json"];
    assert!(dir.fails(2, &append).contains("something after the data, at byte 1228800"));
    let mut bytes = fs::read(dir.path("data")).unwrap();
    bytes[300 * 4096..].fill(0);
    fs::write(dir.path("data"), bytes).unwrap();
    // The device has pages of its own over the file.
    drop(device);
    let device = Loop::new(&dir.path("data"));
    let append = ["format", &device.0, "--append", "--data-blocks=300", "--json"];
    fs::write(dir.path("image.json"), dir.ok(&append)).unwrap();
    dir.ok(&["verify", &device.0, "--params=image.json"]);
    dir.ok(&append);
    let odd = Dir::with_bytes(vec![1; 4608]);
    let odd_device = Loop::new(&odd.path("data"));
    let message = odd.fails(2, &["format", &odd_device.0, "hash", "--pad"]);
    assert!(message.contains("a block device cannot be padded"), "{message}");
}

/// Case 9: signals, where the tree lengthens the image.
#[test]
fn an_interrupted_run_leaves_the_image_as_it_was() {
    if lacks(&["kill", "mkfifo"]) {
        return;
    }
    let dir = Dir::new();
    let len = 256 << 30;
    File::create(dir.path("data")).unwrap().set_len(len).unwrap();
    let is_longer = || dir.path("data").metadata().unwrap().len() > len;
    interrupt(&dir, &["format", "data", "--append"], "INT", is_longer);
    assert_eq!(dir.path("data").metadata().unwrap().len(), len);

    // It waits for the descriptor until the signal is there.
    fs::write(dir.path("block"), [1; 4096]).unwrap();
    let json = dir.ok(&["format", "block", "hash", "--json"]);
    assert!(dir.command("mkfifo", &["params"]).status().unwrap().success());
    let fifo = dir.path("params");
    // Nobody can write to it before somebody opened it for reading.
    let mut open = File::options();
    open.write(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let writer = std::cell::RefCell::new(None);
    let is_open = || open.open(&fifo).map(|file| *writer.borrow_mut() = Some(file)).is_ok();
    let describe = || writer.take().unwrap().write_all(json.as_bytes()).unwrap();
    interrupt_then(&dir, &["verify", "block", "hash", "--params=params"], "TERM", is_open, describe);
}

/// A tmpfs in a namespace of its own, which unprivileged users can have as well.
const UNSHARE: [&str; 3] = ["--map-root-user", "--user", "--mount"];

/// Case 9: no room, and nothing that may be written.
#[test]
fn a_full_or_read_only_file_system_is_named() {
    let test = "a_full_or_read_only_file_system_is_named";
    if !is_there(test, "unshare", &[&UNSHARE[..], &["mount", "-t", "tmpfs", "none", "/mnt"]].concat()) {
        return;
    }
    let dir = Dir::with_data(4096);
    fs::create_dir(dir.path("small")).unwrap();
    let hardpan = env!("CARGO_BIN_EXE_hardpan");
    for (options, text) in [("size=64k", "No space left on device"), ("ro", "Read-only file system")] {
        let script = format!(
            "mount -t tmpfs -o {options} none small || exit 99; {hardpan} verity format data small/hash; \
             code=$?; ls -A small; exit $code"
        );
        let output =
            dir.command("unshare", &[&UNSHARE[..], &["sh", "-c", &script]].concat()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("cannot write hash file small/hash") && message.contains(text), "{message}");
        assert_eq!(output.stdout, b"", "a temporary file was left");
    }
}
