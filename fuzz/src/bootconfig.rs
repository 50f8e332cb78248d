//! Boot configurations, and the footer behind them.

use hardpan_lockdown::bootconfig::{self, BootConfig};
use hardpan_report::Location;

/// What is accepted has the same keys and values when it is written flat, and its parameters are a command line. An error is
/// about a place in the text. A footer's range lies within the bytes.
pub fn check(bytes: &[u8]) {
    if let Ok(Some(range)) = bootconfig::find(bytes) {
        assert!(range.start <= range.end && range.end <= bytes.len());
        check(&bytes[range]);
    }
    let config = match BootConfig::parse(bytes, Location::file("x")) {
        Ok(config) => config,
        Err(error) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!(error.line >= 1 && error.line as usize <= lines && error.column >= 1, "{error}");
            return;
        }
    };
    let _ = (config.kernel_words(), config.init_words());
    let keys = config.keys();
    let Some(written) = keys.iter().map(|(key, values)| line(key, *values)).collect::<Option<String>>()
    else {
        return;
    };
    // Written flat, keys repeat their first words, and quotes are added.
    if written.len() > 32_767 {
        return;
    }
    let again =
        BootConfig::parse(written.as_bytes(), Location::file("x")).expect("what was written is whole");
    assert_eq!(keys, again.keys(), "{written:?}");
}

/// A line of its own for a key; `None` where a value has both kinds of quotes, or bytes that were no UTF-8.
fn line(key: &str, values: Option<&[String]>) -> Option<String> {
    let Some(values) = values else { return Some(format!("{key}\n")) };
    let quoted = |value: &String| match (value.contains('"'), value.contains('\''), value.is_ascii()) {
        (_, _, false) | (true, true, _) => None,
        (true, ..) => Some(format!("'{value}'")),
        _ => Some(format!("\"{value}\"")),
    };
    let values = values.iter().map(quoted).collect::<Option<Vec<_>>>()?;
    Some(format!("{key} = {}\n", values.join(", ")))
}

/// Every form of statement, by itself and behind an initramfs.
pub fn seeds() -> Vec<Vec<u8>> {
    let text = b"kernel {\n a.b = 1, 'two words' # why\n a.c; quiet\n}\ninit.x += \"y\"\nkernel.a.b := 3\nkernel.a.b += 4\n";
    let sum: u32 = text.iter().map(|byte| u32::from(*byte)).sum();
    let size = u32::try_from(text.len()).expect("it is short");
    let mut file = b"initramfs".to_vec();
    file.extend_from_slice(text);
    file.extend_from_slice(&size.to_le_bytes());
    file.extend_from_slice(&sum.to_le_bytes());
    file.extend_from_slice(b"#BOOTCONFIG\n");
    vec![text.to_vec(), file]
}
