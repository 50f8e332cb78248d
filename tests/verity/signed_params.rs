//! Descriptors that are signed.

use std::fs;

use super::Dir;
use super::sign::{make_key, openssl, with_key};

fn sign(dir: &Dir, file: &str, key: &str, certificate: &str) {
    let signer = ["-signer", certificate, "-inkey", key, "-in", file, "-out", "signature"];
    openssl(dir, &[&["smime", "-sign", "-binary", "-noattr", "-outform", "der"], &signer[..]].concat());
}

/// Verifies by the signed descriptor.
fn with<'a>(options: &[&'a str]) -> Vec<&'a str> {
    let verify = ["verify", "data", "hash", "--params=image.json", "--params-signature=signature"];
    [&verify, options].concat()
}

#[test]
fn a_descriptor_is_taken_only_with_the_signature_of_a_trusted_signer() {
    let test = "a_descriptor_is_taken_only_with_the_signature_of_a_trusted_signer";
    let Some(dir) = with_key(test) else { return };
    make_key(&dir, "other-key", "other-cert");
    fs::write(dir.path("data"), vec![7; 40_960]).unwrap();
    fs::write(dir.path("image.json"), dir.ok(&["format", "data", "hash", "--salt=ab", "--json"])).unwrap();
    sign(&dir, "image.json", "key", "cert");
    dir.ok(&with(&["--certificate=cert"]));
    dir.ok(&with(&["--certificate=other-cert", "--certificate=cert"]));
    dir.ok(&with(&["--ca=cert"]));
    for untrusted in [
        &["--certificate=other-cert"] as &[&str],
        &["--ca=other-cert"],
        &["--certificate=cert", "--at=2020-01-01"],
    ] {
        let message = dir.fails(1, &with(untrusted));
        assert!(message.contains("the signature of the descriptor is not valid"), "{message}");
    }
    // Its own signature is as good, and of the whole file.
    let made = ["sign", "--params=image.json", "--key=key", "--certificate=cert", "--output=signature"];
    assert!(dir.ok(&made).contains("the descriptor"));
    dir.ok(&with(&["--certificate=cert"]));
    openssl(
        &dir,
        &[
            "smime",
            "-verify",
            "-binary",
            "-inform",
            "der",
            "-in",
            "signature",
            "-content",
            "image.json",
            "-certfile",
            "cert",
            "-nointern",
            "-noverify",
        ],
    );
    fs::write(dir.path("text"), "{}").unwrap();
    dir.fails(2, &["sign", "--params=text", "--key=key", "--certificate=cert", "--output=other"]);
    dir.fails(2, &["sign", "--key=key", "--certificate=cert", "--output=other"]);
    assert!(!dir.path("other").exists());
    // Whom to trust must be said, and of what.
    dir.fails(2, &with(&[]));
    dir.fails(2, &["verify", "data", "hash", "--params=image.json", "--certificate=cert"]);
    dir.fails(
        2,
        &[
            "verify",
            "data",
            "hash",
            "--params-signature=signature",
            "--certificate=cert",
            "--trust-superblock",
        ],
    );

    // The descriptor of an image that was changed with it, and one that differs in a space.
    let signed = fs::read_to_string(dir.path("image.json")).unwrap();
    dir.flip("data", 5);
    assert!(dir.fails(1, &with(&["--certificate=cert"])).contains("corrupt data blocks: 0"));
    let forged = dir.ok(&["format", "data", "hash", "--salt=ab", "--json"]);
    for changed in [forged, format!("{signed} "), "{}".to_owned(), String::new()] {
        fs::write(dir.path("image.json"), changed).unwrap();
        let output = dir.hardpan(&[&with(&["--certificate=cert"])[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["verified"], false);
        assert!(json["reason"].as_str().unwrap().contains("not valid"), "{json}");
    }
    // A signature of the root hash is none of the descriptor.
    fs::write(dir.path("image.json"), &signed).unwrap();
    let root =
        serde_json::from_str::<serde_json::Value>(&signed).unwrap()["root_hash"].as_str().unwrap().to_owned();
    fs::write(dir.path("root"), root).unwrap();
    sign(&dir, "root", "key", "cert");
    assert!(dir.fails(1, &with(&["--certificate=cert"])).contains("not valid"));
    fs::write(dir.path("signature"), "junk").unwrap();
    assert!(dir.fails(1, &with(&["--certificate=cert"])).contains("not valid"));
}
