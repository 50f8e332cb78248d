//! A kernel's build configuration.

use hardpan_lockdown::kconfig::Kconfig;
use hardpan_report::Location;

/// What is accepted is what the lenient reader sees too, and reads back the same when it is written. An error is about a line
/// that is there.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lenient = Kconfig::parse(&text, Location::file("x"));
    let config = match Kconfig::parse_strict(&text, Location::file("x")) {
        Ok(config) => config,
        Err(error) => {
            let line = text.lines().nth(error.line as usize - 1).expect("the line is there");
            assert!(error.column >= 1 && error.column <= line.len() + 1, "{error}: {line:?}");
            return;
        }
    };
    assert!(config.options().eq(lenient.options()), "{text:?}");
    let written: String = config.options().map(|(name, value)| line(name, value)).collect();
    let again = Kconfig::parse_strict(&written, Location::file("x")).expect("what was written is whole");
    assert!(config.options().eq(again.options()), "{text:?}\n{written:?}");
    let _ = (config.arch(), config.version());
}

fn line(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("CONFIG_{name}=\"{value}\"\n")
}

/// The forms of lines that `make` writes.
pub fn seeds() -> Vec<Vec<u8>> {
    let text = "#\n# Linux/x86 6.1.140 Kernel Configuration\n#\nCONFIG_X86_64=y\nCONFIG_A=m\n# CONFIG_B is not set\n\
                CONFIG_NR=0x1000\nCONFIG_N=-1\nCONFIG_CMDLINE=\"a=\\\"b c\\\"\"\nCONFIG_LSM=\"lockdown,yama\"\n";
    vec![text.as_bytes().to_vec(), text.replace("x86", "arm64").into_bytes()]
}
