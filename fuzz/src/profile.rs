//! Profiles, and what is generated from them.

use hardpan_lockdown::boot::Config;
use hardpan_lockdown::generate::{Image, Inputs, generate};
use hardpan_lockdown::profile::Profile;
use hardpan_verity::{Algorithm, HashArea, Params, RootHash, Salt};

/// An error has a place in the text. What is generated is read back as it was meant, and the kernel's line has no line breaks.
pub fn check(bytes: &[u8]) {
    let profile = match Profile::parse(bytes) {
        Ok(profile) => profile,
        Err(error) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&error.line) && error.column >= 1, "{error}");
            return;
        }
    };
    let images = profile.slots().map(|_| image()).collect();
    let inputs =
        Inputs { images, modules: Vec::new(), init: Vec::new(), arch: None, fingerprint: None, mtime: 0 };
    let Ok(generated) = generate(&profile, &inputs) else { return };
    assert_eq!(Config::parse(&generated.files["boot.conf"]), Ok(generated.config));
    let line = &generated.files["cmdline"];
    assert_eq!(line.split(|byte| *byte == b'\n').count(), 2);
}

fn image() -> Image {
    Image {
        params: Params::new(256.try_into().expect("it is not 0"), Salt::default()),
        area: HashArea::with_superblock(0).expect("it is aligned"),
        root: RootHash::from_bytes(Algorithm::Sha256, &[7; 32]).expect("it has 32 bytes"),
        signature: None,
        fingerprint: None,
    }
}

/// The example of the documentation, and one that says everything.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("../../docs/examples/profile.toml"),
        include_str!("../../lockdown/src/profile/example.toml"),
    ];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.push(b"profile = 1\n[[slot]]\nname = \"a\"\n[root]\ntype = \"erofs\"\n[kernel]\ncommand-line = \"a -- b\"\n".to_vec());
    seeds
}
