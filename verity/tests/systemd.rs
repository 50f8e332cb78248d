//! Against systemd: what we write is what its generator reads, and its list of partition types is ours.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests, some of which are skipped aloud")]

#[path = "common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use hardpan_verity::dps::{Architecture, Mount, Role, partition_uuids};
use hardpan_verity::table::ErrorMode;
use hardpan_verity::table::systemd::{
    RootHashSignature, SystemdCmdline, SystemdDevice, SystemdOptions, Veritytab, VeritytabEntry,
};
use hardpan_verity::{BlockSize, HashType, Salt, Uuid};
use random::Random;

const GENERATOR: &str = "/usr/lib/systemd/system-generators/systemd-veritysetup-generator";

/// What a unit attaches: name, data device, hash device, root hash, options.
type Attached = [String; 5];

/// The parameters are written, read by systemd's generator, and come out of the units that it makes unchanged.
#[test]
fn the_generator_reads_command_lines_as_we_write_them() {
    if lacks(GENERATOR, Path::new(GENERATOR).exists()) {
        return;
    }
    let mut random = Random(1);
    for round in 0..60 {
        let mut device = || SystemdDevice {
            root: bytes(&mut random, 16, 64),
            data_device: maybe(&mut random).then(|| device(&mut random)),
            hash_device: maybe(&mut random).then(|| device(&mut random)),
            options: options(&mut random),
        };
        let (root, usr) = (device(), device());
        let line = match round % 3 {
            0 => SystemdCmdline { root: Some(root), ..SystemdCmdline::default() },
            1 => SystemdCmdline { usr: Some(usr), enabled: Some(true), ..SystemdCmdline::default() },
            _ => SystemdCmdline { root: Some(root), usr: Some(usr), enabled: None },
        };
        assert_eq!(line.check(), Ok(()));
        let wanted = [("root", &line.root), ("usr", &line.usr)].into_iter();
        let wanted = wanted.filter_map(|(name, device)| Some(attached(name, device.as_ref()?)));
        let found = generate(&format!("quiet {line} -- x"), "");
        assert_eq!(found, wanted.map(|unit| (unit[0].clone(), unit)).collect(), "{line}");
    }
    let off = SystemdCmdline {
        enabled: Some(false),
        root: Some(SystemdDevice {
            root: vec![7; 32],
            data_device: None,
            hash_device: None,
            options: SystemdOptions::default(),
        }),
        usr: None,
    };
    assert!(generate(&off.to_string(), "").is_empty());
}

#[test]
fn the_generator_reads_veritytab_as_we_write_it() {
    if lacks(GENERATOR, Path::new(GENERATOR).exists()) {
        return;
    }
    let mut random = Random(2);
    for _ in 0..30 {
        let count = 1 + below(&mut random, 4);
        let entry = |index| VeritytabEntry {
            name: format!("{}{index}", text(&mut random, "abz_.:")),
            data_device: device(&mut random),
            hash_device: device(&mut random),
            root: bytes(&mut random, 16, 64),
            options: options(&mut random),
        };
        let table = Veritytab { entries: (0..count).map(entry).collect() };
        table.entries.iter().for_each(|entry| assert_eq!(entry.check(), Ok(())));
        let wanted = table.entries.iter().map(|entry| {
            let [data, hash] = [&entry.data_device, &entry.hash_device].map(|device| node(device));
            (
                entry.name.clone(),
                [entry.name.clone(), data, hash, digits(&entry.root), entry.options.to_string()],
            )
        });
        assert_eq!(generate("", &format!("# comment\n\n{table}")), wanted.collect(), "{table}");
    }
}

/// What we refuse is what systemd would take for something else: two files with blanks in quotes are three fields.
#[test]
fn systemd_does_not_unquote_veritytab() {
    if lacks(GENERATOR, Path::new(GENERATOR).exists()) {
        return;
    }
    let line = format!("x \"/dev/a b\" /dev/c {}", "ab".repeat(32));
    assert!(Veritytab::parse(&line).is_err());
    let found = generate("", &line);
    assert_eq!(found["x"][1..4], ["\"/dev/a", "b\"", "/dev/c"]);
    // A root hash is passed on whatever it is; only the program that is started refuses what is not digits.
    assert_eq!(generate("", "x /dev/a /dev/b /run/roothash")["x"][3], "/run/roothash");
    assert!(Veritytab::parse("x /dev/a /dev/b /run/roothash").is_err());
}

#[test]
fn partition_types_are_those_that_systemd_lists() {
    let list = Command::new("systemd-id128").args(["show", "--uuid"]).output();
    if lacks("systemd-id128", list.as_ref().is_ok_and(|output| output.status.success())) {
        return;
    }
    let text = String::from_utf8(list.unwrap().stdout).unwrap();
    let listed: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once(' ').map(|(name, uuid)| (name, uuid.trim())))
        .collect();
    let mut count = 0;
    for architecture in Architecture::all() {
        for (mount, place) in [(Mount::Root, "root"), (Mount::Usr, "usr")] {
            for (role, suffix) in
                [(Role::Data, ""), (Role::Verity, "-verity"), (Role::Signature, "-verity-sig")]
            {
                let name = format!("{place}-{architecture}{suffix}");
                let ours = architecture.partition_type(mount, role).to_string();
                assert_eq!(listed.get(name.as_str()), Some(&ours.as_str()), "{name}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 21 * 6);
}

/// The units that the generator makes of a command line and a veritytab, by the names of their devices.
fn generate(cmdline: &str, veritytab: &str) -> BTreeMap<String, Attached> {
    let dir = tempfile::tempdir().unwrap();
    let [normal, early, late] = ["normal", "early", "late"].map(|name| dir.path().join(name));
    for path in [&normal, &early, &late] {
        fs::create_dir(path).unwrap();
    }
    let table = dir.path().join("veritytab");
    fs::write(&table, veritytab).unwrap();
    let output = Command::new(GENERATOR)
        .args([&normal, &early, &late])
        .env("SYSTEMD_PROC_CMDLINE", cmdline)
        .env("SYSTEMD_VERITYTAB", &table)
        .env("SYSTEMD_LOG_TARGET", "console")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let files = fs::read_dir(&normal).unwrap().map(|entry| entry.unwrap().path());
    let units = files.filter(|path| path.extension().is_some_and(|extension| extension == "service"));
    units
        .map(|path| exec_start(&fs::read_to_string(path).unwrap()))
        .map(|unit| (unit[0].clone(), unit))
        .collect()
}

/// The arguments of a unit's command, each in single quotes, with percent signs doubled.
fn exec_start(unit: &str) -> Attached {
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let (_, arguments) = line.split_once(" attach ").unwrap();
    let arguments = arguments.trim().strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
    let arguments: Vec<String> = arguments.split("' '").map(|word| word.replace("%%", "%")).collect();
    arguments.try_into().unwrap()
}

/// What a unit of a device on the command line is to attach.
fn attached(name: &str, device: &SystemdDevice) -> Attached {
    let (data, hash) = partition_uuids(&device.root).unwrap();
    let or_partition = |given: &Option<String>, uuid: Uuid| match given {
        Some(device) => node(device),
        None => format!("/dev/disk/by-partuuid/{uuid}"),
    };
    let data = or_partition(&device.data_device, data);
    let hash = or_partition(&device.hash_device, hash);
    [name.to_owned(), data, hash, digits(&device.root), device.options.to_string()]
}

/// The path that udev gives a device.
fn node(device: &str) -> String {
    match device.split_once('=') {
        Some((tag, name)) if !device.starts_with('/') => {
            format!("/dev/disk/by-{}/{name}", tag.to_lowercase())
        }
        _ => device.to_owned(),
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn below(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.next() % limit as u64).unwrap()
}

fn maybe(random: &mut Random) -> bool {
    below(random, 2) == 0
}

fn bytes(random: &mut Random, min: usize, max: usize) -> Vec<u8> {
    let len = min + below(random, max - min + 1);
    random.bytes(len)
}

fn text(random: &mut Random, alphabet: &str) -> String {
    let characters: Vec<char> = alphabet.chars().collect();
    (0..=below(random, 8)).map(|_| characters[below(random, characters.len())]).collect()
}

fn device(random: &mut Random) -> String {
    match below(random, 5) {
        0 => format!("PARTUUID={}", Uuid::from_bytes(random.bytes(16).try_into().unwrap())),
        1 => format!("LABEL={}", text(random, "abc-_")),
        _ => format!("/dev/{}", text(random, "abc-_:%é=@~")),
    }
}

fn options(random: &mut Random) -> SystemdOptions {
    let signature = match below(random, 3) {
        0 => None,
        1 => Some(RootHashSignature::Path(format!("/run/{}", text(random, "ab%-")))),
        _ => Some(RootHashSignature::Inline(bytes(random, 1, 40))),
    };
    SystemdOptions {
        superblock: maybe(random).then(|| maybe(random)),
        hash_type: maybe(random).then_some(HashType::V1),
        data_block_size: maybe(random).then_some(BlockSize::DEFAULT),
        data_blocks: maybe(random).then(|| random.next()),
        salt: maybe(random).then(|| Salt::new(&bytes(random, 0, 32)).unwrap()),
        algorithm: maybe(random).then(|| "sha512".to_owned()),
        fec_device: maybe(random).then(|| device(random)),
        corruption: maybe(random).then_some(ErrorMode::Panic),
        ignore_zero_blocks: maybe(random),
        signature,
        initrd_attach: maybe(random),
        noauto: maybe(random).then(|| maybe(random)),
        ..SystemdOptions::default()
    }
}

/// Whether the running test has to do without a program. Its absence fails, unless the environment says that peers may be
/// missing.
fn lacks(program: &str, is_there: bool) -> bool {
    if !is_there {
        assert!(
            std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
            "{program} is missing or does not work here"
        );
        eprintln!("skipped: {}: {program} missing", std::thread::current().name().unwrap_or("a test"));
    }
    !is_there
}
