//! Files of sysctl.d, and what `sysctl -a` prints.

use hardpan_lockdown::sysctl::{Dump, SysctlConfig};

/// A key that a line sets by its name is found with the value of the last such line. What the strict reader takes, both take
/// alike. A dump finds each of its keys.
pub fn check(bytes: &[u8]) {
    let (mut lenient, mut strict) = (SysctlConfig::default(), SysctlConfig::default());
    lenient.add_file(b"x", bytes);
    if strict.add_file_strict(b"x", bytes).is_ok() {
        assert_eq!(strict.is_empty(), lenient.is_empty());
    }
    let text = String::from_utf8_lossy(bytes);
    for key in text.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim()) {
        let found = lenient.get(key).map(|setting| setting.at.line);
        let line = found.flatten().map(|line| line as usize);
        assert!(line.is_none_or(|line| line <= text.split('\n').count()), "{key:?}");
        let _ = lenient.components(key);
    }
    if let Ok(dump) = Dump::parse(&text, "x") {
        for (key, _) in
            text.lines().filter(|line| !line.starts_with("sysctl: ")).filter_map(|line| line.split_once('='))
        {
            assert!(dump.get(key.trim()).is_some(), "{key:?}");
        }
    }
}

/// Settings, patterns, exclusions, and a dump.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        b"# c\n-kernel.a = 1\nnet/ipv4/conf/eth0.1/x=2\nnet.ipv4.conf.*.x = 3\n-net.ipv4.conf.lo.x\n"
            .to_vec(),
        b"kernel.ostype = Linux\nkernel.printk = 4\t4\t1\t7\nfs.protected_symlinks = 1\n".to_vec(),
    ]
}
