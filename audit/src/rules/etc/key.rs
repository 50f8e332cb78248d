//! Private keys as they are written into files.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// A private key in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The line it begins at, from 1.
    pub(super) line: u32,
    /// What kind it is, in words.
    pub(super) kind: String,
    /// Whether a passphrase protects it; `None` if the format does not show it where we look.
    pub(super) encrypted: Option<bool>,
}

/// The private keys in the bytes of a file. A word that only names the format is no key: key material must follow.
pub(super) fn private_keys(bytes: &[u8]) -> Vec<Key> {
    if MARKS.as_ref().is_some_and(|marks| !marks.is_match(bytes)) {
        return Vec::new();
    }
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let mut keys = Vec::new();
    for (number, (at, line)) in (1..).zip(lines.iter().enumerate()) {
        let following = lines.get(at + 1..).unwrap_or_default();
        let found = pem(line, following).or_else(|| putty(line, following)).or_else(|| one_line(line));
        if let Some((kind, encrypted)) = found {
            keys.push(Key { line: number, kind, encrypted });
        }
    }
    keys
}

type Found = Option<(String, Option<bool>)>;

/// `-----BEGIN … PRIVATE KEY-----`, and in the next line, or behind a `\n` as JSON writes it, Base64 or a header.
fn pem(line: &[u8], following: &[&[u8]]) -> Found {
    let start = find(line, b"-----BEGIN ")?;
    let label = &line[start + 11..];
    let end = find(label, b"-----")?;
    let (label, rest) = (std::str::from_utf8(&label[..end]).ok()?, &label[end + 5..]);
    if !label.ends_with("PRIVATE KEY") && label != "PGP PRIVATE KEY BLOCK" {
        return None;
    }
    let first: &[u8] = match rest.strip_prefix(b"\\n") {
        Some(inline) => inline,
        None if rest.is_empty() => following.iter().copied().find(|line| !line.is_empty())?,
        None => return None,
    };
    let is_header = HEADERS.iter().any(|header| first.starts_with(header.as_bytes()));
    if !is_header && !is_base64_start(first) {
        return None;
    }
    let kind = match label {
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => "PKCS#8".to_owned(),
        "PGP PRIVATE KEY BLOCK" => "OpenPGP".to_owned(),
        label => label.trim_end_matches(" PRIVATE KEY").to_owned(),
    };
    Some((kind, is_encrypted(label, first)))
}

fn is_encrypted(label: &str, first: &[u8]) -> Option<bool> {
    match label {
        "ENCRYPTED PRIVATE KEY" => Some(true),
        "PGP PRIVATE KEY BLOCK" => None,
        "OPENSSH PRIVATE KEY" => Some(!first.starts_with(OPENSSH_CIPHER_NONE)),
        _ => Some(find(first, b"ENCRYPTED").is_some()),
    }
}

/// `PuTTY-User-Key-File-3: ssh-ed25519`, then `Encryption: none`.
fn putty(line: &[u8], following: &[&[u8]]) -> Found {
    line.strip_prefix(b"PuTTY-User-Key-File-")?;
    let encryption = following.first()?.strip_prefix(b"Encryption: ")?;
    Some(("PuTTY".to_owned(), Some(encryption != b"none")))
}

/// Keys that fit on a line: age, and WireGuard in its own configuration or systemd's.
fn one_line(line: &[u8]) -> Found {
    let age = line.strip_prefix(b"AGE-SECRET-KEY-1").is_some_and(|rest| rest.len() == AGE_REST);
    if age {
        return Some(("age".to_owned(), Some(false)));
    }
    let value = line.strip_prefix(b"PrivateKey")?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let is_key =
        value.len() == WIREGUARD_KEY && value.ends_with(b"=") && value.iter().copied().all(is_base64);
    is_key.then(|| ("WireGuard".to_owned(), Some(false)))
}

fn is_base64_start(line: &[u8]) -> bool {
    line.len() >= 16 && line[..16].iter().copied().all(is_base64)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A quick look that most files do not pass: a quarter of a million files took minutes line by line.
static MARKS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("PRIVATE KEY|PuTTY-User-Key-File-|AGE-SECRET-KEY-1|PrivateKey").ok());

/// Header lines of PEM as OpenSSL writes it, and of OpenPGP.
const HEADERS: [&str; 7] =
    ["Proc-Type: ", "DEK-Info: ", "Version: ", "Comment: ", "Hash: ", "Charset: ", "MessageID: "];
/// Base64 of `openssh-key-v1`, a zero byte and the cipher name `none` with its length.
const OPENSSH_CIPHER_NONE: &[u8] = b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
/// An age identity is Bech32: 58 characters follow its prefix.
const AGE_REST: usize = 58;
/// 32 bytes in Base64.
const WIREGUARD_KEY: usize = 44;

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> (String, Option<bool>) {
        let mut keys = private_keys(text.as_bytes());
        assert_eq!(keys.len(), 1, "{text}");
        let key = keys.remove(0);
        (key.kind, key.encrypted)
    }

    /// Put together at run time, so that this file holds no key of its own.
    fn pem_of(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    #[test]
    fn each_format_is_recognised() {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        assert_eq!(only(&pem_of("PRIVATE KEY", body)), ("PKCS#8".into(), Some(false)));
        assert_eq!(only(&pem_of("ENCRYPTED PRIVATE KEY", body)), ("PKCS#8".into(), Some(true)));
        assert_eq!(only(&pem_of("RSA PRIVATE KEY", body)), ("RSA".into(), Some(false)));
        let legacy = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n{body}");
        assert_eq!(only(&pem_of("RSA PRIVATE KEY", &legacy)), ("RSA".into(), Some(true)));
        let plain = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ";
        assert_eq!(only(&pem_of("OPENSSH PRIVATE KEY", plain)), ("OPENSSH".into(), Some(false)));
        let locked = "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHI";
        assert_eq!(only(&pem_of("OPENSSH PRIVATE KEY", locked)), ("OPENSSH".into(), Some(true)));
        assert_eq!(only("PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\n"), ("PuTTY".into(), Some(false)));
        assert_eq!(only(&format!("AGE-SECRET-KEY-1{}", "Q".repeat(58))), ("age".into(), Some(false)));
        assert_eq!(only(&format!("PrivateKey = {}=", "a".repeat(43))), ("WireGuard".into(), Some(false)));
        let json = format!("{{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\n{body}\"}}");
        assert_eq!(only(&json), ("PKCS#8".into(), Some(false)));
    }

    #[test]
    fn the_name_of_a_format_is_no_key() {
        assert!(private_keys(b"grep -q '-----BEGIN RSA PRIVATE KEY-----' $f\nexit 1\n").is_empty());
        assert!(private_keys(b"check!(r\"-----BEGIN PRIVATE KEY-----\");\n\n// note: next one\n").is_empty());
        assert!(private_keys(b"PrivateKey=/run/key\nPrivateKeyFile=x\n").is_empty());
        assert!(private_keys(pem_of("PUBLIC KEY", &"A".repeat(40)).as_bytes()).is_empty());
    }

    #[test]
    fn lines_count_from_one() {
        let text = format!("# x\n{}", pem_of("EC PRIVATE KEY", &"A".repeat(64)));
        assert_eq!(private_keys(text.as_bytes())[0].line, 2);
    }
}
