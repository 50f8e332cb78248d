//! What a configuration may say, and what is refused where.

use hardpan_verity::Uuid;
use hardpan_verity::table::{ErrorMode, VerityTable};

use super::*;

fn table(options: &str) -> String {
    format!("1 DATA HASH 4096 4096 256 1 sha256 {} - {options}", "ab".repeat(32)).trim_end().to_owned()
}

fn minimal() -> String {
    format!(
        "hardpan-boot 1\nslot a version 3 data DPS hash DPS table \"{}\"\nroot erofs\ninit /sbin/init\n",
        table("")
    )
}

fn fault(text: &str) -> (u32, u32, Fault) {
    let ConfigError { line, column, fault } = Config::parse(text.as_bytes()).unwrap_err();
    (line, column, fault)
}

#[test]
fn what_is_not_said_is_as_new_has_it() {
    let read = Config::parse(minimal().as_bytes()).unwrap();
    let slots = read.slots.clone();
    let root = Root { fs_type: "erofs".into(), options: String::new() };
    assert_eq!(read, Config::new(slots, root, vec!["/sbin/init".into()]));
    assert_eq!(read.slots[0].data, DeviceRef::Dps);
    assert_eq!(read.slots[0].layout().unwrap().data_end, 256 * 4096);
}

#[test]
fn every_directive_is_read() {
    let text = format!(
        "hardpan-boot 1\n# a comment\n\n\
         module /modules/virtio_blk.ko required \"queue_depth=4 x=y\"\nmodule /modules/b.ko optional\n\
         device-timeout 30\n\
         slot a version 3 data PARTUUID=01234567-89ab-4cde-8f01-23456789abcd hash \"PARTLABEL=hash a\" table \"{}\"\n\
         slot b version 2 table \"{}\" hash /dev/vdb data PARTLABEL=b signature /s/b.p7s fingerprint {}\n\
         minimum-version 2\ntries gpt\nverify full\non-corruption panic\non-io-error restart or-weaker\n\
         root ext4 noatime,norecovery\nselinux /etc/policy.33 fingerprint {}\nenforcing\nlockdown confidentiality\n\
         sysctl kernel.kptr_restrict 2 required\nsysctl kernel.modprobe \"\" optional\n\
         etc /usr/share/factory/etc size=2M mode=0700 context=system_u:object_r:etc_t:s0\n\
         init /sbin/init \"--log level\" x\non-failure poweroff\nfailure-delay 0\npanic-timeout 1\n",
        table(""),
        table("1 ignore_zero_blocks"),
        "0F".repeat(32),
        "cd".repeat(32),
    );
    let config = Config::parse(text.as_bytes()).unwrap();
    assert_eq!(config.modules[0].parameters, "queue_depth=4 x=y");
    assert!(config.modules[0].required && !config.modules[1].required);
    assert_eq!(config.slots[0].hash, DeviceRef::PartLabel("hash a".into()));
    assert_eq!(config.slots[1].data.to_string(), "PARTLABEL=b");
    assert_eq!(config.slots[1].fingerprint, Some([0x0f; 32]));
    assert!(config.slots[1].table.options.ignore_zero_blocks);
    assert_eq!((config.tries, config.verify, config.device_timeout), (Tries::Gpt, Extent::All, 30));
    assert_eq!(config.on_io_error, OnIoError { reaction: Reaction::Restart, or_weaker: true });
    assert_eq!(config.selinux.as_ref().map(|selinux| selinux.enforcing), Some(true));
    assert_eq!((config.sysctls[1].value.as_str(), config.sysctls[1].required), ("", false));
    let etc = config.etc.clone().unwrap();
    assert_eq!((etc.size, etc.mode), (Some(2 << 20), 0o700));
    assert_eq!(config.init, ["/sbin/init", "--log level", "x"]);
    assert_eq!(Config::parse(config.to_text().unwrap().as_bytes()).unwrap(), config);
}

#[test]
fn faults_say_where_they_are() {
    let with = |line: &str| minimal() + line + "\n";
    assert_eq!(fault(""), (1, 1, Fault::Header));
    assert_eq!(fault("hardpan-boot 2\n"), (1, 1, Fault::Header));
    assert_eq!(fault(&with("verfiy ends")), (5, 1, Fault::Directive("verfiy".into())));
    assert_eq!(fault(&with("init /x")), (5, 1, Fault::Repeated("init".into())));
    assert_eq!(fault(&with("verify ends x")), (5, 13, Fault::TrailingWord("x".into())));
    assert_eq!(fault(&with("verify")), (5, 7, Fault::WordMissing("ends or full")));
    assert_eq!(fault(&with("\tsysctl a.b \"x")), (5, 13, Fault::Quote));
    assert_eq!(fault(&with("sysctl a.b x\"y\" required")), (5, 12, Fault::Quote));
    assert_eq!(fault(&with("sysctl a.b \"x\"y required")), (5, 12, Fault::Quote));
    assert_eq!(fault(&with("verify ends\r")), (5, 12, Fault::Text));
    assert_eq!(fault("hardpan-boot 1\ninit /sbin/init\nroot erofs\n"), (4, 1, Fault::Missing("slot")));
    assert_eq!(fault(&with("enforcing")).2, Fault::Missing("selinux"));
    let not_utf8 = [with("# a").trim_end().as_bytes(), b"\xff\n"].concat();
    let error = Config::parse(&not_utf8).unwrap_err();
    assert_eq!(error.to_string().split(':').next(), Some("line 5, column 4"));
}

#[test]
fn values_that_are_none_are_refused() {
    for line in [
        "module modules/a.ko required",
        "module /modules/a.ko.xz required",
        "module /modules/.ko required",
        "module /a/../b.ko required",
        "module /modules/a.ko maybe",
        "device-timeout 3601",
        "device-timeout 007",
        "device-timeout -1",
        "panic-timeout 0",
        "minimum-version 4",
        "sysctl kernel 1 required",
        "sysctl kernel..x 1 required",
        "sysctl ...x 1 required",
        "sysctl kernel.//.x 1 required",
        "sysctl kernel.x 1",
        "selinux policy.33",
        "selinux /p fingerprint abc",
        "lockdown none",
        "etc /usr/share/factory/etc size=1T",
        "etc /usr/share/factory/etc size=1K",
        "etc /usr/share/factory/etc mode=888",
        "etc /usr/share/factory/etc owner=root",
        "etc /usr/share/factory/etc size=1M size=2M",
        "etc /etc",
        "etc /etc/factory",
        "require-signature",
        "on-io-error restart weaker",
        "slot A version 1 data DPS hash DPS table \"x\"",
        "slot c version 1 data DPS hash DPS",
        "slot c version 1 data /etc/x hash DPS table \"x\"",
    ] {
        let text = minimal() + line + "\n";
        assert!(Config::parse(text.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn the_root_is_never_writable_and_its_options_never_need_a_policy() {
    for options in ["rw", "noatime,rw", "remount", "", ",", "context=x", "rootcontext=x", "a,fscontext=x"] {
        let text = minimal().replace("root erofs", &format!("root erofs \"{options}\""));
        assert!(matches!(fault(&text), (3, 12, Fault::Value { .. })), "{options}");
    }
}

#[test]
fn tables_name_the_words_for_devices_and_weaken_nothing() {
    for options in [
        "1 ignore_corruption",
        "1 restart_on_corruption",
        "1 panic_on_error",
        "1 check_at_most_once",
        "2 root_hash_sig_key_desc x",
        "8 use_fec_from_device /dev/sda fec_roots 2 fec_blocks 1 fec_start 1",
        "1 no_such_option",
    ] {
        let text = minimal().replace(&table(""), &table(options));
        assert!(matches!(fault(&text), (2, 42, Fault::Table(_))), "{options}: {:?}", fault(&text));
    }
    for (from, to) in [
        ("DATA", "/dev/sda"),
        ("HASH", "DATA"),
        ("4096 256", "4096 0"),
        ("sha256", "md5"),
        ("4096 256 1", "4096 18446744073709551615 1"),
        ("256 1 ", "256 18446744073709551615 "),
    ] {
        let text = minimal().replace(&table(""), &table("").replacen(from, to, 1));
        assert!(matches!(fault(&text), (2, 42, Fault::Table(_))), "{to}");
    }
    let parity = table("8 use_fec_from_device HASH fec_roots 2 fec_blocks 257 fec_start 4");
    assert!(Config::parse(minimal().replace(&table(""), &parity).as_bytes()).is_ok());
}

#[test]
fn directives_that_exclude_each_other_are_refused() {
    let by_path = minimal().replace("data DPS", "data /dev/vda") + "tries gpt\n";
    assert!(matches!(fault(&by_path), (_, _, Fault::Disagree(_))));
    let twice = minimal() + &minimal().lines().nth(1).unwrap().replace("version 3", "version 4") + "\n";
    assert_eq!(fault(&twice), (5, 1, Fault::Repeated("a".into())));
    let hangs = minimal() + "sysctl kernel.panic 0 optional\n";
    assert!(matches!(fault(&hangs), (_, _, Fault::Disagree(_))));
    assert!(Config::parse(hangs.replace("panic 0", "panic 30").as_bytes()).is_ok());
    let unused = minimal().replace("slot a", &format!("slot a fingerprint {}", "00".repeat(32)));
    assert!(matches!(fault(&unused), (_, _, Fault::Disagree(_))));
}

#[test]
fn there_are_limits() {
    let many = |count: usize| -> String {
        (0..count).fold(minimal(), |text, n| text + &format!("sysctl a.b{n} 1 optional\n"))
    };
    assert!(Config::parse(many(256).as_bytes()).is_ok());
    assert!(matches!(fault(&many(257)), (261, 1, Fault::Count { limit: 256, .. })));
    let large = minimal() + &"#\n".repeat(MAX_SIZE / 2);
    assert!(matches!(fault(&large), (1, 1, Fault::Size { .. })));
}

#[test]
fn what_no_text_stands_for_is_not_written() {
    let good = Config::parse(minimal().as_bytes()).unwrap();
    let spoil: [fn(&mut Config); 10] = [
        |config| config.init = vec![],
        |config| config.init[0] = "/sbin/init\ninit /x".into(),
        |config| config.init.push("a\"b".into()),
        |config| config.root.options = "rw".into(),
        |config| config.slots[0].name = "a b".into(),
        |config| config.slots.push(config.slots[0].clone()),
        |config| config.slots[0].table.options.corruption = Some(ErrorMode::Ignore),
        |config| config.panic_timeout = 0,
        |config| config.slots[0].data = DeviceRef::PartLabel("x".repeat(37)),
        |config| config.slots.clear(),
    ];
    for (index, spoil) in spoil.into_iter().enumerate() {
        let mut config = good.clone();
        spoil(&mut config);
        assert!(config.to_text().is_err(), "{index}");
    }
}

/// Numbers that look random and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn of<T: Clone>(&mut self, values: &[T]) -> T {
        let index = usize::try_from(self.below(values.len() as u64)).unwrap();
        values[index].clone()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    fn digest(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| u8::try_from(self.below(256)).unwrap())
    }

    fn slot(&mut self, name: String) -> Slot {
        let devices = [
            DeviceRef::Dps,
            DeviceRef::PartLabel("a label with = and #".into()),
            DeviceRef::PartUuid(Uuid::from_bytes(std::array::from_fn(|_| {
                u8::try_from(self.below(256)).unwrap()
            }))),
        ];
        Slot {
            name,
            version: 2 + self.below(u64::MAX - 2),
            data: self.of(&devices),
            hash: self.of(&[&devices[..], &[DeviceRef::Path("/dev/disk/by id".into())]].concat()),
            table: VerityTable::parse(&table(self.of(&["", "1 ignore_zero_blocks"]))).unwrap(),
            signature: Some("/signatures/x y.p7s".to_owned()),
            fingerprint: None,
        }
    }

    fn config(&mut self) -> Config {
        let slots: Vec<Slot> = (0..=self.below(8)).map(|n| self.slot(format!("slot-{n}"))).collect();
        let options = self.of(&["", "noatime", "a=b c,d"]).to_owned();
        let mut config = Config::new(
            slots,
            Root { fs_type: self.of(&["erofs", "ext4"]).to_owned(), options },
            self.of(&[vec!["/sbin/init".to_owned()], vec!["/a b".to_owned(), String::new(), "#".to_owned()]]),
        );
        config.modules = (0..self.below(4))
            .map(|n| Module {
                path: format!("/modules/m {n}.ko"),
                required: self.below(2) == 0,
                parameters: self.of(&["", "a=1 b", "x"]).to_owned(),
            })
            .collect();
        config.device_timeout = u32::try_from(self.below(3601)).unwrap();
        config.require_signature = self.below(2) == 0;
        config.minimum_version = self.below(3);
        config.tries = self.of(&[Tries::None, Tries::Gpt]);
        config.verify = self.of(&[Extent::Ends, Extent::All]);
        let reactions = [Reaction::Restart, Reaction::Panic, Reaction::Eio];
        config.on_corruption = self.of(&reactions);
        config.on_io_error = OnIoError { reaction: self.of(&reactions), or_weaker: self.below(2) == 0 };
        config.selinux = self.maybe(|numbers| Selinux {
            path: "/etc/selinux/policy 33".into(),
            fingerprint: numbers.maybe(Self::digest),
            enforcing: numbers.below(2) == 0,
        });
        config.lockdown = self.maybe(|n| n.of(&[LockdownLevel::Integrity, LockdownLevel::Confidentiality]));
        config.sysctls = (0..self.below(4))
            .map(|n| Sysctl {
                key: format!("net.ipv4.conf.eth0/{n}.x"),
                value: self.of(&["", "1", "4 4 1 7"]).to_owned(),
                required: self.below(2) == 0,
            })
            .collect();
        config.etc = self.maybe(|numbers| Etc {
            source: "/usr/share/factory/etc".into(),
            size: numbers.maybe(|numbers| 4096 + numbers.below(1 << 29)),
            mode: u32::try_from(numbers.below(0o10000)).unwrap(),
            context: numbers.maybe(|_| "system_u:object_r:etc_t:s0:c0,c1".to_owned()),
        });
        config.on_failure = self.of(&[Ending::Reboot, Ending::Halt, Ending::PowerOff]);
        config.failure_delay = u32::try_from(self.below(3601)).unwrap();
        config.panic_timeout = 1 + u32::try_from(self.below(3600)).unwrap();
        config
    }
}

#[test]
fn what_is_written_reads_back() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..500 {
        let config = numbers.config();
        let text = config.to_text().unwrap_or_else(|error| panic!("{error}: {config:?}"));
        assert_eq!(Config::parse(text.as_bytes()).unwrap().to_text().unwrap(), text);
    }
}

#[test]
fn a_cut_or_changed_file_never_reads_as_the_same() {
    let text = Numbers(7).config().to_text().unwrap();
    let config = Config::parse(text.as_bytes()).unwrap();
    for end in 0..text.trim_end().len() {
        let cut = Config::parse(&text.as_bytes()[..end]);
        assert_ne!(cut.as_ref(), Ok(&config), "cut at {end}");
    }
}
