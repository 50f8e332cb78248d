//! Built-in signatures of fs-verity, against the tool of that name.

use std::process::Command;

use hardpan_verity::fsverity::FileDigest;
use hardpan_verity::signature::{Options, check, sign};

use crate::openssl::{is_there, needs_openssl, trust, with_key};

#[test]
fn signatures_of_files_are_those_of_the_tool() {
    needs_openssl!("signatures_of_files_are_those_of_the_tool");
    if !is_there("fsverity", "signatures_of_files_are_those_of_the_tool") {
        return;
    }
    let dir = with_key("rsa2048");
    dir.write("file", &[7; 10_000]);
    for algorithm in ["sha256", "sha512"] {
        let hash = format!("--hash-alg={algorithm}");
        let fsverity = |args: &[&str]| {
            let output = Command::new("fsverity").args(args).current_dir(dir.path("")).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let digest = fsverity(&["digest", "file", &hash, "--compact"]);
        let digits = digest.split_whitespace().next().unwrap();
        let content = format!("{algorithm}:{digits}").parse::<FileDigest>().unwrap().formatted();
        fsverity(&["sign", "file", "theirs", &hash, "--key=rsa2048.key", "--cert=rsa2048.pem"]);

        let certificate = dir.certificate("rsa2048");
        let theirs = dir.read("theirs");
        let trusted = trust(&[&certificate], &[]);
        let signed = check(&content, &theirs, &trusted, std::time::SystemTime::now()).unwrap();
        // The tool signs with the digest of the tree.
        let options = Options { digest: Some(signed.digest()), include_certificate: false };
        let ours = sign(&content, &dir.signing_key("rsa2048"), &certificate, options).unwrap();
        assert!(ours == theirs, "{algorithm}");
        dir.write("content", &content);
        assert!(dir.verifies("smime", "rsa2048", &ours));
    }
}
