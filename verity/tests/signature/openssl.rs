//! A directory in which openssl makes keys, certificates and messages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use hardpan_verity::signature::{Certificate, CheckError, Signed, SigningKey, Trust, check};
use tempfile::TempDir;

/// The root hash that is signed.
pub(crate) const ROOT: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

/// Whether a reference tool is there. It must be, unless it is said that none are.
pub(crate) fn is_there(program: &str, test: &str) -> bool {
    let there = Command::new(program).arg("--help").output().is_ok();
    if !there {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "{program} is missing");
        eprintln!("skipped: {test}: {program} missing");
    }
    there
}

/// Returns from a test that cannot run without openssl.
macro_rules! needs_openssl {
    ($test:literal) => {
        if !crate::openssl::is_there("openssl", $test) {
            return;
        }
    };
}
pub(crate) use needs_openssl;

pub(crate) struct Dir(TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        fs::write(dir.path("content"), ROOT).unwrap();
        dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs openssl, with arguments parted by spaces; what it said if it failed.
    pub(crate) fn try_openssl(&self, args: &str) -> Result<Vec<u8>, String> {
        let output =
            Command::new("openssl").args(args.split(' ')).current_dir(self.0.path()).output().unwrap();
        if output.status.success() { Ok(output.stdout) } else { Err(format!("{output:?}")) }
    }

    pub(crate) fn openssl(&self, args: &str) -> Vec<u8> {
        self.try_openssl(args).unwrap_or_else(|error| panic!("openssl {args}: {error}"))
    }

    /// Makes `NAME.key` (PKCS#8) of a kind like `RSA:2048` or `P-256`, and `NAME.pem`, its own certificate.
    pub(crate) fn key(&self, name: &str, kind: &str) {
        self.bare_key(name, kind);
        self.openssl(&format!("req -x509 -new -key {name}.key -out {name}.pem -days 30 -subj /CN={name}"));
    }

    pub(crate) fn bare_key(&self, name: &str, kind: &str) {
        let (algorithm, option) = match kind.split_once(':') {
            Some((algorithm, bits)) => (algorithm, format!("rsa_keygen_bits:{bits}")),
            None => ("EC", format!("ec_paramgen_curve:{kind}")),
        };
        self.openssl(&format!("genpkey -algorithm {algorithm} -pkeyopt {option} -out {name}.key"));
    }

    pub(crate) fn signing_key(&self, name: &str) -> SigningKey {
        SigningKey::from_pem(&self.read(&format!("{name}.key"))).unwrap()
    }

    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        let mut certificates = Certificate::read_all(&self.read(&format!("{name}.pem"))).unwrap();
        assert_eq!(certificates.len(), 1);
        certificates.remove(0)
    }

    /// A message that openssl makes of `content` with the key of that name.
    pub(crate) fn smime(&self, name: &str, options: &str) -> Vec<u8> {
        self.message("smime", name, options)
    }

    pub(crate) fn message(&self, tool: &str, name: &str, options: &str) -> Vec<u8> {
        let options = if options.is_empty() { String::new() } else { format!(" {options}") };
        self.openssl(&format!(
            "{tool} -sign -binary -outform der -in content -signer {name}.pem -inkey {name}.key -out made{options}"
        ));
        self.read("made")
    }

    /// Whether openssl takes `message` as one of `content` by the certificate of that name.
    pub(crate) fn verifies(&self, tool: &str, name: &str, message: &[u8]) -> bool {
        self.write("message", message);
        let files = format!("-in message -content content -certfile {name}.pem");
        self.try_openssl(&format!(
            "{tool} -verify -binary -inform der {files} -nointern -noverify -out /dev/null"
        ))
        .is_ok()
    }
}

/// Keys that are made once, since making them takes the most time: `rsa2048`, `rsa3072`, `rsa4096`, `p256` and `p384`.
pub(crate) fn keys() -> &'static Dir {
    static KEYS: OnceLock<Dir> = OnceLock::new();
    KEYS.get_or_init(|| {
        let dir = Dir::new();
        for (name, kind) in KINDS {
            dir.key(name, kind);
        }
        dir
    })
}

pub(crate) const KINDS: [(&str, &str); 5] = [
    ("rsa2048", "RSA:2048"),
    ("rsa3072", "RSA:3072"),
    ("rsa4096", "RSA:4096"),
    ("p256", "P-256"),
    ("p384", "P-384"),
];

/// A directory of its own with copies of one of [`keys`].
pub(crate) fn with_key(name: &str) -> Dir {
    let dir = Dir::new();
    for file in [format!("{name}.key"), format!("{name}.pem")] {
        dir.write(&file, &keys().read(&file));
    }
    dir
}

pub(crate) fn trust(signers: &[&Certificate], authorities: &[&Certificate]) -> Trust {
    let own = |certificates: &[&Certificate]| certificates.iter().copied().cloned().collect();
    Trust { signers: own(signers), authorities: own(authorities) }
}

/// Checks a message of the root hash now, with trust in one signer.
pub(crate) fn check_by(certificate: &Certificate, message: &[u8]) -> Result<Signed, CheckError> {
    check(ROOT.as_bytes(), message, &trust(&[certificate], &[]), SystemTime::now())
}

pub(crate) fn in_days(days: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(days * 86_400)
}
