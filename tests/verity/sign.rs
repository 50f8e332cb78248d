//! `hardpan verity sign` and `check-signature`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{Dir, root_hash};

const ROOT: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

/// With a key `key` and its certificate `cert` of thirty days, unless there is no openssl.
#[expect(clippy::print_stderr, reason = "a skip is to be seen, and tests have no other channel")]
fn with_key(test: &str) -> Option<Dir> {
    let dir = Dir::new();
    if dir.command("openssl", &["version"]).output().is_err() {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "openssl is missing");
        eprintln!("skipped: {test}: openssl missing");
        return None;
    }
    make_key(&dir, "key", "cert");
    Some(dir)
}

fn make_key(dir: &Dir, key: &str, certificate: &str) {
    let curve = "ec_paramgen_curve:P-256";
    let made = ["-newkey", "EC", "-pkeyopt", curve, "-nodes", "-keyout", key, "-out", certificate];
    openssl(
        dir,
        &[&["req", "-x509", "-subj", "/CN=Image \u{1b}signer", "-utf8", "-days", "30"], &made[..]].concat(),
    );
}

fn openssl(dir: &Dir, args: &[&str]) {
    let output = dir.command("openssl", args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

const SIGN: [&str; 3] = ["sign", "--key=key", "--certificate=cert"];
const CHECK: [&str; 3] = ["check-signature", "--signature=sig", "--certificate=cert"];

#[test]
fn what_is_formatted_is_signed_and_checked() {
    let Some(dir) = with_key("what_is_formatted_is_signed_and_checked") else { return };
    fs::write(dir.path("data"), vec![7; 40_960]).unwrap();
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--root-hash-file=root"]));
    let said = dir.ok(&[&SIGN[..], &["--root-hash-file=root", "-o", "sig"]].concat());
    assert!(said.contains("ECDSA P-256 with sha256") && !said.contains('\u{1b}'), "{said}");
    let files = ["-in", "sig", "-content", "root", "-certfile", "cert", "-nointern", "-noverify"];
    openssl(&dir, &[&["smime", "-verify", "-binary", "-inform", "der"], &files[..]].concat());
    for given in [&root, &root.to_uppercase(), "--root-hash-file=root"] {
        let said = dir.ok(&[&CHECK[..], &[given]].concat());
        assert!(said.contains(&root) && !said.contains('\u{1b}'), "{said}");
    }
    // Authorities may be trusted instead, and a signer may be one; then the signature must bring the certificate or be known.
    dir.ok(&["check-signature", &root, "--signature=sig", "--ca=cert"]);
    assert_eq!(dir.names().iter().filter(|name| name.starts_with(".hardpan")).count(), 0);
}

#[test]
fn a_signature_that_is_not_valid_exits_with_one() {
    let Some(dir) = with_key("a_signature_that_is_not_valid_exits_with_one") else { return };
    dir.ok(&[&SIGN[..], &[ROOT, "-o", "sig"]].concat());
    let said = dir.fails(1, &[&CHECK[..], &[&ROOT.replace('c', "d")]].concat());
    assert!(said.contains("not one of this content") && !said.contains('\u{1b}'), "{said}");
    let said = dir.fails(1, &[&CHECK[..], &[ROOT, "--at=2999-01-01"]].concat());
    assert!(said.contains("expired"), "{said}");
    let said = dir.fails(1, &[&CHECK[..], &[ROOT, "--at=1999-12-31T23:59:59Z"]].concat());
    assert!(said.contains("not valid before"), "{said}");
    make_key(&dir, "other", "cert");
    dir.fails(1, &[&CHECK[..], &[ROOT]].concat());
    let bytes = fs::read(dir.path("sig")).unwrap();
    for wrong in [&[][..], &bytes[1..], &[&bytes[..], b"\n"].concat(), &vec![0; 40_000]] {
        fs::write(dir.path("sig"), wrong).unwrap();
        dir.fails(1, &[&CHECK[..], &[ROOT]].concat());
    }
}

#[test]
fn work_that_cannot_be_done_exits_with_two_and_writes_nothing() {
    let Some(dir) = with_key("work_that_cannot_be_done_exits_with_two_and_writes_nothing") else { return };
    let says = |word: &str, args: &[&str]| {
        let said = dir.fails(2, args);
        assert!(said.contains(word), "{said}");
    };
    says("required", &[&SIGN[..], &[ROOT]].concat());
    says("ROOT_HASH", &[&SIGN[..], &["-o", "sig"]].concat());
    says("this has 63", &[&SIGN[..], &[&ROOT[1..], "-o", "sig"]].concat());
    says("sha1", &[&SIGN[..], &[&ROOT[..40], "-o", "sig"]].concat());
    says("64 characters", &[&SIGN[..], &[&ROOT.replace('c', "x"), "-o", "sig"]].concat());
    says("does not sign with sha512", &[&SIGN[..], &[ROOT, "-o", "sig", "--digest=sha512"]].concat());
    says("sha256, sha384 or sha512", &[&SIGN[..], &[ROOT, "-o", "sig", "--digest=md5"]].concat());
    says("no private key", &["sign", "--key=cert", "--certificate=cert", ROOT, "-o", "sig"]);
    says("no certificate", &["sign", "--key=key", "--certificate=key", ROOT, "-o", "sig"]);
    says("missing", &["sign", "--key=missing", "--certificate=cert", ROOT, "-o", "sig"]);
    says("cannot write", &[&SIGN[..], &[ROOT, "-o", "missing/sig"]].concat());
    openssl(&dir, &["pkey", "-in", "key", "-aes256", "-passout", "pass:word", "-out", "locked"]);
    says("openssl pkey", &["sign", "--key=locked", "--certificate=cert", ROOT, "-o", "sig"]);
    make_key(&dir, "other", "othercert");
    says("does not belong", &["sign", "--key=key", "--certificate=othercert", ROOT, "-o", "sig"]);
    let key = fs::read(dir.path("key")).unwrap();
    fs::write(dir.path("root"), ROOT).unwrap();
    for input in ["./key", "cert", "root"] {
        says("would replace", &[&SIGN[..], &["--root-hash-file=root", "-o", input]].concat());
    }
    assert_eq!(fs::read(dir.path("key")).unwrap(), key);
    assert!(!dir.path("sig").exists());
    dir.ok(&[&SIGN[..], &[ROOT, "-o", "sig"]].concat());
    says("required", &["check-signature", ROOT, "--signature=sig"]);
    says("cannot open", &["check-signature", ROOT, "--signature=missing", "--certificate=cert"]);
    says("2026-11-23", &[&CHECK[..], &[ROOT, "--at=tomorrow"]].concat());
    // What was there stays.
    let before = fs::read(dir.path("sig")).unwrap();
    says("does not sign", &[&SIGN[..], &[ROOT, "-o", "sig", "--digest=sha384"]].concat());
    assert_eq!(fs::read(dir.path("sig")).unwrap(), before);
}

#[test]
fn json_says_the_same() {
    let Some(dir) = with_key("json_says_the_same") else { return };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let made = json(&dir.ok(&[&SIGN[..], &[ROOT, "-o", "sig", "--json", "--include-certificate"]].concat()));
    assert_eq!(made["signature_bytes"], fs::read(dir.path("sig")).unwrap().len());
    assert_eq!(made["includes_certificate"], true);
    let checked = json(&dir.ok(&["check-signature", ROOT, "--signature=sig", "--ca=cert", "--json"]));
    assert_eq!(checked["valid"], true);
    for same in ["root_hash", "signer", "key", "digest"] {
        assert_eq!(made[same], checked[same], "{same}");
    }
    let output = dir.hardpan(&[&CHECK[..], &[&ROOT.replace('c', "d"), "--json"]].concat());
    let refused = json(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(refused["valid"], false);
    assert!(refused["reason"].as_str().unwrap().contains("not one of this content"));
}

#[test]
fn what_cannot_be_judged_is_neither_valid_nor_not() {
    let Some(dir) = with_key("what_cannot_be_judged_is_neither_valid_nor_not") else { return };
    fs::write(dir.path("root"), ROOT).unwrap();
    let files = ["-in", "root", "-signer", "cert", "-inkey", "key", "-out", "sig", "-md", "sha512"];
    openssl(&dir, &[&["smime", "-sign", "-binary", "-noattr", "-outform", "der"], &files[..]].concat());
    let output = dir.hardpan(&[&CHECK[..], &[ROOT, "--json"]].concat());
    assert_eq!(output.status.code(), Some(2));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["valid"], Value::Null);
}

#[test]
fn what_the_user_should_know_is_said() {
    let Some(dir) = with_key("what_the_user_should_know_is_said") else { return };
    let sign = |name: &str| {
        let output = dir.hardpan(&[&SIGN[..], &[ROOT, "-o", name]].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(sign("sig"), "");
    fs::set_permissions(dir.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(sign("sig").contains("warning: key can be read by others"));
    fs::set_permissions(dir.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let usage = ["-addext", "keyUsage=keyEncipherment", "-subj", "/CN=other"];
    openssl(&dir, &[&["req", "-x509", "-new", "-key", "key", "-out", "cert"], &usage[..]].concat());
    assert!(sign("sig").contains("keyUsage"));
    dir.fails(1, &[&CHECK[..], &[ROOT]].concat());
    // With attributes, as openssl writes them when nothing is said.
    make_key(&dir, "key", "cert");
    fs::write(dir.path("root"), ROOT).unwrap();
    let files = ["-in", "root", "-signer", "cert", "-inkey", "key", "-out", "sig"];
    openssl(&dir, &[&["smime", "-sign", "-binary", "-outform", "der"], &files[..]].concat());
    let said = dir.ok(&[&CHECK[..], &[ROOT]].concat());
    assert!(said.contains("S/MIME capabilities, for which the kernel refuses it"), "{said}");
}
