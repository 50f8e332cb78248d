//! Whatever describes an image reads back as it was written, and no text at all makes a parser panic.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

#[path = "common/random.rs"]
mod random;

use hardpan_verity::dps::SignaturePartition;
use hardpan_verity::table::systemd::{
    RootHashSignature, SystemdCmdline, SystemdDevice, SystemdOptions, Veritytab, VeritytabEntry,
};
use hardpan_verity::table::{
    CmdlineVerity, CreatedTarget, ErrorMode, Fec, Options, TableError, VerityTable, create_parameter,
    find_in_cmdline,
};
use hardpan_verity::{BlockSize, HashType, Salt, Uuid};
use random::Random;

const ROUNDS: usize = 600;

#[test]
fn tables_read_back() {
    let mut random = Random(1);
    for _ in 0..ROUNDS {
        let table = table(&mut random, "/ab\\ \té");
        let text = table.to_string();
        assert_eq!(VerityTable::parse(&text).as_ref(), Ok(&table), "{text}");
    }
}

#[test]
fn created_devices_read_back_or_are_not_written() {
    let mut random = Random(2);
    let mut written = 0;
    for _ in 0..ROUNDS {
        let count = 1 + random.below(3);
        // Now and then there is a character that the kernel takes for something else.
        let alphabet = if random.below(2) == 0 { "/=ab-_$" } else { "/ab ,;\"\n" };
        let targets: Vec<CreatedTarget> = (0..count).map(|_| target(&mut random, alphabet)).collect();
        match create_parameter(&targets) {
            Ok(text) => {
                written += 1;
                let found: Result<Vec<CmdlineVerity>, TableError> =
                    find_in_cmdline(&format!("quiet {text} root=/dev/dm-0")).into_iter().collect();
                let wanted = targets.into_iter().map(|target| CmdlineVerity::Created(Box::new(target)));
                assert_eq!(found.unwrap(), wanted.collect::<Vec<_>>(), "{text}");
            }
            Err(error) => assert!(alphabet.contains(';'), "{error}: {targets:?}"),
        }
    }
    assert!(written > ROUNDS / 2);
}

#[test]
fn options_and_lines_of_veritytab_read_back_or_are_not_written() {
    let mut random = Random(3);
    let mut written = 0;
    for _ in 0..ROUNDS {
        let alphabet = if random.below(4) == 0 { "/ab, '\\$\n" } else { "/=ab-_%:é" };
        let entry = VeritytabEntry {
            name: random.text("ab-_.:%", 1),
            data_device: device(&mut random, alphabet),
            hash_device: device(&mut random, alphabet),
            root: random.some_bytes(16, 64),
            options: options(&mut random, alphabet),
        };
        if entry.check().is_err() {
            assert!(alphabet.contains(',') || entry.name.trim_matches('.').is_empty(), "{entry:?}");
            continue;
        }
        written += 1;
        let table = Veritytab { entries: vec![entry] };
        let text = format!("# a comment\n{table}\n");
        assert_eq!(Veritytab::parse(&text).as_ref(), Ok(&table), "{text}");
        let options = &table.entries[0].options;
        assert_eq!(SystemdOptions::parse(&options.to_string()).as_ref(), Ok(options));
    }
    assert!(written > ROUNDS / 2);
}

#[test]
fn command_lines_of_systemd_read_back_or_are_not_written() {
    let mut random = Random(4);
    let mut written = 0;
    for _ in 0..ROUNDS {
        let alphabet = if random.below(4) == 0 { "/ab, '\"\\$\n" } else { "/=ab-_%:é" };
        let mut part = || {
            let maybe = |random: &mut Random| (random.below(2) == 0).then(|| device(random, alphabet));
            Some(SystemdDevice {
                root: random.some_bytes(16, 64),
                data_device: maybe(&mut random),
                hash_device: maybe(&mut random),
                options: options(&mut random, alphabet),
            })
        };
        let (root, usr) = (part(), part());
        let enabled = [None, Some(true), Some(false)][random.below(3)];
        let line = SystemdCmdline {
            enabled,
            root: root.filter(|_| random.below(4) > 0),
            usr: usr.filter(|_| random.below(4) > 0),
        };
        if line.check().is_err() {
            assert!(alphabet.contains(','), "{line:?}");
            continue;
        }
        written += 1;
        let text = format!("console=ttyS0 \"a=b c\" {line} -- x");
        assert_eq!(SystemdCmdline::parse(&text).as_ref(), Ok(&line), "{text}");
    }
    assert!(written > ROUNDS / 2);
}

#[test]
fn signature_partitions_read_back() {
    let mut random = Random(5);
    for _ in 0..ROUNDS {
        let content = random.some_bytes(0, 127);
        let partition = SignaturePartition {
            root: random.some_bytes(16, 64),
            fingerprint: (random.below(2) == 0).then(|| random.bytes(32).try_into().unwrap()),
            signature: [vec![0x30, u8::try_from(content.len()).unwrap()], content].concat(),
        };
        let bytes = partition.encode(None).unwrap();
        assert_eq!(bytes.len(), 4096);
        assert_eq!(SignaturePartition::parse(&bytes), Ok(partition));
    }
}

/// Case 5 of the hard cases: salts and root hashes as descriptions can have them. Each is read as what it is, or refused
/// with its field; none is cut, padded or taken for nothing.
#[test]
fn case_5_salts_and_root_hashes_in_every_description() {
    let root = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";
    let table =
        |root: &str, salt: &str| VerityTable::parse(&format!("1 a b 4096 4096 9 1 sha256 {root} {salt}"));
    let option = |salt: &str| SystemdOptions::parse(&format!("salt={salt}"));
    for len in [0, 1, 255, 256, 257] {
        let digits = "aB".repeat(len);
        let text = if len == 0 { "-" } else { &digits };
        assert_eq!(table(root, text).unwrap().salt, vec![0xab; len]);
        // A table may have a salt for which no superblock has room; systemd's option may not.
        match option(text) {
            Ok(options) => assert_eq!(options.salt.unwrap().as_bytes(), vec![0xab; len]),
            Err(error) => assert!(len == 257, "{error}"),
        }
    }
    for salt in ["abc", "zz", "--", "0x00", "aa bb", "aa\0", "é"] {
        assert!(table(root, salt).is_err(), "{salt}");
        assert!(option(salt).is_err(), "{salt}");
    }
    assert!(option("").is_err());

    let line =
        |root: &str| SystemdCmdline::parse(&format!("roothash={root}")).map(|line| line.root.unwrap().root);
    let tab =
        |root: &str| Veritytab::parse(&format!("x /a /b {root}")).map(|tab| tab.entries[0].root.clone());
    let json = |root: &str| {
        SignaturePartition::parse(format!("{{\"rootHash\":\"{root}\",\"signature\":\"MAEH\"}}").as_bytes())
            .map(|partition| partition.root)
    };
    let bytes = table(root, "-").unwrap().root;
    let upper = root.to_uppercase();
    assert_eq!(table(&upper, "-").unwrap().root, bytes);
    assert_eq!((line(&upper), tab(&upper)), (Ok(bytes.clone()), Ok(bytes.clone())));
    // The signature is over lower-case digits, and the specification says so.
    assert_eq!(json(root), Ok(bytes.clone()));
    assert!(json(&upper).is_err());
    for wrong in [&root[..63], &format!("{root}0"), &format!("{}g", &root[1..]), "", "-", &root[..30]] {
        assert!(table(wrong, "-").is_err(), "{wrong}");
        assert!(line(wrong).is_err() && tab(wrong).is_err() && json(wrong).is_err(), "{wrong}");
    }
    // Of sha256 is known how long a root hash is; systemd's parameters do not say which algorithm it is of.
    for other in [&root[..40], &format!("{root}{root}")] {
        assert!(table(other, "-").is_err());
        assert!(line(other).is_ok() && tab(other).is_ok() && json(other).is_ok());
    }
    for junk in ["\r", "\n\n", " x", "\0"] {
        let text = format!("{root}{junk}");
        let read = line(&text);
        assert!(read.is_err() || read == Ok(bytes.clone()), "{junk:?}");
        assert!(json(&text).is_err(), "{junk:?}");
    }
}

/// Case 10 of the hard cases, without a fuzzer: texts that were right, cut, spliced and with bytes changed. Whatever is
/// read from them reads back as well.
#[test]
fn no_text_makes_a_parser_panic() {
    let mut random = Random(6);
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for _ in 0..20 {
        let target = target(&mut random, "/ab=");
        texts.push(target.table.to_string().into_bytes());
        texts.push(create_parameter(&[target]).unwrap().into_bytes());
        let root = random.some_bytes(16, 32);
        let options = options(&mut random, "/ab");
        let device = SystemdDevice { root, data_device: None, hash_device: None, options };
        let line = SystemdCmdline { enabled: Some(true), root: Some(device.clone()), usr: None };
        texts.push(line.to_string().into_bytes());
        let SystemdDevice { root, options, .. } = device;
        let signature = vec![0x30, 1, 7];
        let partition = SignaturePartition { root: root.clone(), fingerprint: None, signature };
        texts.push(partition.to_json().unwrap().into_bytes());
        let (data_device, hash_device) = ("/a".to_owned(), "UUID=b".to_owned());
        let entry = VeritytabEntry { name: "x".to_owned(), data_device, hash_device, root, options };
        texts.push(Veritytab { entries: vec![entry] }.to_string().into_bytes());
    }
    for _ in 0..3000 {
        let mut text = texts[random.below(texts.len())].clone();
        for _ in 0..=random.below(4) {
            random.damage(&mut text, &texts);
        }
        read_all(&text);
    }
}

/// Every parser over `bytes`.
fn read_all(bytes: &[u8]) {
    if let Ok(partition) = SignaturePartition::parse(bytes) {
        assert_eq!(SignaturePartition::parse(&partition.encode(None).unwrap()), Ok(partition));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(table) = VerityTable::parse(&text) {
        assert_eq!(VerityTable::parse(&table.to_string()).as_ref(), Ok(&table), "{text}");
    }
    let _ = find_in_cmdline(&text);
    if let Ok(line) = SystemdCmdline::parse(&text) {
        assert_eq!(line.check(), Ok(()), "{text}");
    }
    if let Ok(table) = Veritytab::parse(&text) {
        assert_eq!(Veritytab::parse(&table.to_string()).as_ref(), Ok(&table), "{text}");
    }
    if let Ok(options) = SystemdOptions::parse(&text) {
        assert_eq!(options.check(), Ok(()), "{text}");
    }
}

/// More of what a random number can be.
trait Numbers {
    fn below(&mut self, limit: usize) -> usize;
    fn some_bytes(&mut self, min: usize, max: usize) -> Vec<u8>;
    fn text(&mut self, alphabet: &str, min: usize) -> String;
    fn damage(&mut self, text: &mut Vec<u8>, others: &[Vec<u8>]);
}

impl Numbers for Random {
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn some_bytes(&mut self, min: usize, max: usize) -> Vec<u8> {
        let len = min + self.below(max - min + 1);
        self.bytes(len)
    }

    fn text(&mut self, alphabet: &str, min: usize) -> String {
        let characters: Vec<char> = alphabet.chars().collect();
        (0..min + self.below(8)).map(|_| characters[self.below(characters.len())]).collect()
    }

    fn damage(&mut self, text: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.below(text.len() + 1);
        let special = b" ,;=\"'\\\0-09/\n{}:#";
        match self.below(5) {
            0 => text.truncate(at),
            1 => text.insert(at, special[self.below(special.len())]),
            2 => text.splice(at..at, others[self.below(others.len())].iter().copied()).for_each(drop),
            3 if at < text.len() => text[at] ^= 1 << self.below(8),
            _ if at < text.len() => drop(text.remove(at)),
            _ => {}
        }
    }
}

fn table(random: &mut Random, alphabet: &str) -> VerityTable {
    // A table cannot be made otherwise: it may get more fields.
    let mut table = VerityTable::parse("1 a b 4096 4096 1 1 x ab -").unwrap();
    table.hash_type = u32::try_from(random.below(2)).unwrap();
    table.data_device = random.text(alphabet, 1);
    table.hash_device = random.text(alphabet, 1);
    table.data_block_size = 512 << random.below(12);
    table.hash_block_size = 512 << random.below(12);
    table.data_blocks = random.next() >> random.below(64);
    table.hash_start_block = random.next() >> random.below(64);
    table.root = random.some_bytes(1, 64);
    table.salt = random.some_bytes(0, 256);
    table.options = table_options(random, alphabet);
    table
}

fn table_options(random: &mut Random, alphabet: &str) -> Options {
    let mut options = Options::default();
    options.corruption = mode(random);
    options.io_error = mode(random).filter(|mode| *mode != ErrorMode::Ignore);
    options.ignore_zero_blocks = random.below(2) == 0;
    options.check_at_most_once = random.below(2) == 0;
    options.try_verify_in_tasklet = random.below(2) == 0;
    options.fec = (random.below(2) == 0).then(|| {
        let mut fec = Fec::default();
        (fec.device, fec.roots) = (random.text(alphabet, 1), u32::try_from(random.below(30)).unwrap());
        (fec.blocks, fec.start) = (random.next(), random.next());
        fec
    });
    options.signature_key = (random.below(2) == 0).then(|| random.text(alphabet, 1));
    options
}

fn mode(random: &mut Random) -> Option<ErrorMode> {
    [None, Some(ErrorMode::Ignore), Some(ErrorMode::Restart), Some(ErrorMode::Panic)][random.below(4)]
}

fn target(random: &mut Random, alphabet: &str) -> CreatedTarget {
    CreatedTarget {
        name: random.text("ab-_", 1),
        uuid: random.text("ab-", 0),
        minor: (random.below(2) == 0).then(|| random.next()),
        read_only: random.below(2) == 0,
        start_sector: random.next(),
        sectors: random.next(),
        table: table(random, alphabet),
    }
}

fn device(random: &mut Random, alphabet: &str) -> String {
    let start = ["/", "UUID=", "PARTUUID=", "LABEL=", "PARTLABEL=", "ID="][random.below(6)];
    format!("{start}{}", random.text(alphabet, 1))
}

fn options(random: &mut Random, alphabet: &str) -> SystemdOptions {
    let size = |random: &mut Random| BlockSize::new(512 << random.below(11)).unwrap();
    let yes = |random: &mut Random| random.below(2) == 0;
    let signature = match random.below(3) {
        0 => None,
        1 => Some(RootHashSignature::Path(format!("/{}", random.text(alphabet, 1)))),
        _ => Some(RootHashSignature::Inline(random.some_bytes(1, 20))),
    };
    SystemdOptions {
        superblock: yes(random).then(|| yes(random)),
        hash_type: yes(random).then_some(HashType::V0),
        data_block_size: yes(random).then(|| size(random)),
        hash_block_size: yes(random).then(|| size(random)),
        data_blocks: yes(random).then(|| random.next()),
        hash_offset: yes(random).then(|| random.next() & !511),
        salt: yes(random).then(|| Salt::new(&random.some_bytes(0, 256)).unwrap()),
        uuid: yes(random).then(|| Uuid::from_bytes(random.bytes(16).try_into().unwrap())),
        algorithm: yes(random).then(|| random.text(alphabet, 1)),
        fec_device: yes(random).then(|| device(random, alphabet)),
        fec_offset: yes(random).then(|| random.next()),
        fec_roots: yes(random).then(|| 2 + u32::try_from(random.below(23)).unwrap()),
        corruption: mode(random),
        ignore_zero_blocks: yes(random),
        check_at_most_once: yes(random),
        signature,
        netdev: yes(random),
        noauto: yes(random).then(|| yes(random)),
        nofail: yes(random).then(|| yes(random)),
        initrd_attach: yes(random),
    }
}
