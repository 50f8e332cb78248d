//! Boot configurations, and plans of them.

use hardpan_lockdown::boot::{Config, Plan};

/// A configuration that is accepted is written so that it reads back the same, in one form; and has a plan that can be printed.
/// A fault is in the text.
pub fn check(bytes: &[u8]) {
    let config = match Config::parse(bytes) {
        Ok(config) => config,
        Err(error) => {
            let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            assert!(error.line >= 1 && error.column >= 1 && error.line as usize <= lines.len(), "{error}");
            assert!(error.column as usize <= lines[error.line as usize - 1].len() + 1, "{error}");
            return;
        }
    };
    let text = config.to_text().expect("what was read can be written");
    let again = Config::parse(text.as_bytes());
    assert_eq!(again.as_ref(), Ok(&config), "{text}");
    let plan = Plan::new(&config, "quiet hardpan.verify=full").expect("every configuration has a plan");
    assert_eq!(plan.slots.len(), config.slots.len());
    assert!(plan.to_string().ends_with(" s\n"));
}

/// Every directive, and what is shortest.
pub fn seeds() -> Vec<Vec<u8>> {
    let table = format!("1 DATA HASH 4096 4096 256 1 sha256 {} -", "ab".repeat(32));
    let least = format!(
        "hardpan-boot 1\nslot a version 3 data DPS hash DPS table \"{table}\"\nroot erofs\ninit /sbin/init\n"
    );
    let digest = "cd".repeat(32);
    let more = format!(
        "{least}# all\nmodule /m/a.ko required \"x=1 y\"\nmodule /m/b.ko optional\ndevice-timeout 3\n\
         slot b version 2 table \"{table} 1 ignore_zero_blocks\" hash /dev/b data PARTLABEL=b signature /s fingerprint {digest}\n\
         slot c version 1 data PARTUUID=01234567-89ab-4cde-8f01-23456789abcd hash \"PARTLABEL=a b\" table \"{table}\"\n\
         minimum-version 2\ntries gpt\nverify full\non-corruption panic\non-io-error restart or-weaker\n\
         selinux /p fingerprint {digest}\nenforcing\nlockdown integrity\nsysctl kernel.x \"\" required\n\
         etc /f size=2M mode=0700 context=a:b:c\non-failure halt\nfailure-delay 1\npanic-timeout 2\n"
    );
    vec![least.into_bytes(), more.into_bytes()]
}
