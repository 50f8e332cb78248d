//! Container images against umoci and skopeo, and images that no tool would write.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use hardpan_image::{
    DirTree, Fault, FileKind, Index, OpenError, OpenOptions, Tree, TreeKind, open, open_stream, open_with,
};
use serde_json::json;
use sha2::Digest as _;
use support::contents;

fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(directory).output().expect(program);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
}

/// Whether peers that not every distribution has are here.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn has_peers(test: &str) -> bool {
    let lacks = |program: &&&str| Command::new(program).arg("--version").output().is_err();
    let missing: Vec<_> = ["umoci", "skopeo"].iter().filter(lacks).copied().collect();
    assert!(
        missing.is_empty() || std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
        "{test} needs {missing:?}"
    );
    if !missing.is_empty() {
        eprintln!("skipped: {test}: {missing:?} missing");
    }
    missing.is_empty()
}

/// Everything but the root, whose metadata no layer has.
fn below(tree: &dyn Tree) -> BTreeMap<Vec<u8>, String> {
    contents(tree).into_iter().filter(|(path, _)| path != b"/").collect()
}

#[test]
fn images_are_what_umoci_unpacks() {
    if !has_peers("images_are_what_umoci_unpacks") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join("bundle/rootfs").join(path);
    run(dir.path(), "umoci", &["init", "--layout", "layout"]);
    run(dir.path(), "umoci", &["new", "--image", "layout:one"]);
    run(dir.path(), "umoci", &["unpack", "--image", "layout:one", "bundle"]);
    fs::create_dir_all(at("usr/bin")).unwrap();
    fs::create_dir_all(at("gone/deep")).unwrap();
    fs::create_dir_all(at("replaced")).unwrap();
    for name in ["usr/bin/stays", "usr/bin/goes", "usr/bin/changes", "gone/deep/file", "replaced/file", "top"]
    {
        fs::write(at(name), name).unwrap();
    }
    fs::hard_link(at("usr/bin/stays"), at("usr/bin/stays-too")).unwrap();
    std::os::unix::fs::symlink("/usr/bin", at("bin")).unwrap();
    run(dir.path(), "umoci", &["repack", "--refresh-bundle", "--image", "layout:one", "bundle"]);
    let first = below(&DirTree::open(&at("")).unwrap());
    fs::remove_file(at("usr/bin/goes")).unwrap();
    fs::write(at("usr/bin/changes"), "changed").unwrap();
    fs::remove_dir_all(at("gone")).unwrap();
    fs::remove_dir_all(at("replaced")).unwrap();
    fs::write(at("replaced"), "a file now").unwrap();
    fs::write(at("new"), "new").unwrap();
    run(dir.path(), "umoci", &["repack", "--image", "layout:two", "bundle"]);
    let second = below(&DirTree::open(&at("")).unwrap());
    assert_ne!(first, second);

    let layout = dir.path().join("layout");
    let image = |image| OpenOptions { image, ..OpenOptions::default() };
    for (name, wanted) in [("one", &first), ("two", &second)] {
        let tree = open_with(&layout, image(Some(name))).unwrap();
        assert_eq!((tree.kind(), tree.anomalies()), (TreeKind::Oci, vec![]));
        assert_eq!(&below(&*tree), wanted, "{name}");
        let (from, docker) = (format!("oci:layout:{name}"), format!("{name}.docker"));
        run(dir.path(), "skopeo", &["copy", "-q", &from, &format!("docker-archive:{docker}:sample:{name}")]);
        let tree = open(&dir.path().join(docker)).unwrap();
        assert_eq!((tree.kind(), tree.anomalies()), (TreeKind::DockerArchive, vec![]));
        assert_eq!(&below(&*tree), wanted, "{name} from docker's archive");
    }
    run(dir.path(), "tar", &["-czf", "layout.tar.gz", "-C", "layout", "."]);
    let tree = open_with(&dir.path().join("layout.tar.gz"), image(Some("two"))).unwrap();
    assert_eq!((tree.kind(), below(&*tree)), (TreeKind::Oci, second));
    for wanted in [None, Some("three")] {
        let Err(OpenError::Choice { choices, .. }) = open_with(&layout, image(wanted)) else { panic!() };
        assert!(choices[0].starts_with("one = ") && choices[1].starts_with("two = "), "{choices:?}");
    }
}

/// A layout in the making.
struct Layout(tempfile::TempDir);

impl Layout {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("blobs/sha256")).unwrap();
        fs::write(dir.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> serde_json::Value {
        let digest = sha2::Sha256::digest(bytes);
        let digest = digest.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
        fs::write(self.path().join("blobs/sha256").join(&digest), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() })
    }

    fn image(&self, layers: &[Vec<u8>]) -> serde_json::Value {
        let layer = "application/vnd.oci.image.layer.v1.tar";
        let layers: Vec<_> = layers.iter().map(|bytes| self.blob(layer, bytes)).collect();
        self.manifest(&json!(layers))
    }

    fn manifest(&self, layers: &serde_json::Value) -> serde_json::Value {
        let config = self.blob("application/vnd.oci.image.config.v1+json", b"{}");
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": layers });
        self.blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes())
    }

    fn index(&self, manifests: &[serde_json::Value]) {
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }

    fn open(&self) -> Result<Box<dyn Tree>, OpenError> {
        open(self.path())
    }
}

/// A layer with files of their own names; a name that ends with a slash is a directory, and `link -> target` a link.
fn layer(names: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        if let Some((link, target)) = name.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, link, target).unwrap();
        } else if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            builder.append_data(&mut header, name, &b""[..]).unwrap();
        } else {
            header.set_size(name.len() as u64);
            builder.append_data(&mut header, name, name.as_bytes()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

/// The files of a tree.
fn files(tree: &dyn Tree) -> Vec<String> {
    let index = Index::build(tree, &|_| true).unwrap().unwrap();
    let files = index.entries().filter(|entry| entry.metadata.kind == FileKind::File);
    let mut files: Vec<_> = files.map(|entry| String::from_utf8(index.path(entry.id)).unwrap()).collect();
    files.sort();
    files
}

#[test]
fn whiteouts_take_away_what_is_below_and_nothing_of_their_own_layer() {
    let below = layer(&["a", "b", "dir/old", "dir/sub/old", "other/x", "file-to-dir", "dir-to-file/x"]);
    for (above, wanted) in [
        (
            &[".wh.a"][..],
            &["/b", "/dir-to-file/x", "/dir/old", "/dir/sub/old", "/file-to-dir", "/other/x"][..],
        ),
        (&["a", ".wh.a", ".wh.dir", ".wh.other/", ".wh.file-to-dir", ".wh.dir-to-file"], &["/a", "/b"]),
        (
            &["dir/new", "dir/.wh..wh..opq", ".wh.b", ".wh..wh.plnk", ".wh.other", ".wh.missing"],
            &["/a", "/dir-to-file/x", "/dir/new", "/file-to-dir"],
        ),
        (&[".wh..wh..opq", "only"], &["/only"]),
        (
            &["file-to-dir/y", "dir-to-file", ".wh.dir", ".wh.other", ".wh.a", ".wh.b"],
            // A file in place of a directory is taken away first; a directory is not made of a file by what is in it.
            &["/dir-to-file", "/file-to-dir"],
        ),
    ] {
        let layout = Layout::new();
        layout.index(&[layout.image(&[below.clone(), layer(above)])]);
        assert_eq!(files(&*layout.open().unwrap()), wanted, "{above:?}");
    }
}

#[test]
fn whiteouts_that_name_nothing_or_lead_elsewhere_are_noticed() {
    for above in [".wh..", ".wh...", ".wh.", "lib/.wh.x", "lib/.wh..wh..opq", "a/../.wh.usr", "lib/z"] {
        let layout = Layout::new();
        layout.index(&[layout.image(&[layer(&["usr/lib/x", "lib -> usr/lib"]), raw(above)])]);
        let tree = layout.open().unwrap();
        assert_eq!(files(&*tree), ["/usr/lib/x"], "{above}");
        assert!(tree.anomalies().iter().any(|anomaly| anomaly.hides_entries), "{above}");
    }
}

/// A layer with one empty file of any name.
fn raw(name: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, &b""[..]).unwrap();
    builder.into_inner().unwrap()
}

/// umoci leaves the end marker of a layer out, and the padding of its last file. The digest tells that nothing is missing, unless it ends within a member.
#[test]
fn a_layer_may_end_after_any_member() {
    let whole = layer(&["a", "b"]);
    let end = whole.len() - 1024;
    for (cut, is_whole) in [(end, true), (end - 100, true), (end - 512, false), (1024, true), (0, true)] {
        let layout = Layout::new();
        layout.index(&[layout.image(&[whole[..cut].to_vec()])]);
        assert_eq!(layout.open().unwrap().anomalies().is_empty(), is_whole, "cut at {cut}");
    }
}

#[test]
fn platforms_are_chosen_and_attestations_are_no_images() {
    let layout = Layout::new();
    let with = |mut descriptor: serde_json::Value, platform: serde_json::Value| {
        descriptor["platform"] = platform;
        descriptor
    };
    let image = |name: &str| layout.image(&[layer(&[name])]);
    let mut attestation = with(image("statement"), json!({ "os": "unknown", "architecture": "unknown" }));
    attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let inner = json!({ "schemaVersion": 2, "manifests": [
        with(image("amd64"), json!({ "os": "linux", "architecture": "amd64" })),
        with(image("arm64"), json!({ "os": "linux", "architecture": "arm64", "variant": "v8" })),
        attestation,
    ]});
    let kind = "application/vnd.oci.image.index.v1+json";
    let mut inner = layout.blob(kind, inner.to_string().as_bytes());
    inner["annotations"] = json!({ "org.opencontainers.image.ref.name": "latest" });
    layout.index(&[inner]);
    let choose =
        |image: Option<&str>| open_with(layout.path(), OpenOptions { image, ..OpenOptions::default() });
    for (name, file) in [("linux/amd64", "/amd64"), ("linux/arm64", "/arm64"), ("linux/arm64/v8", "/arm64")] {
        assert_eq!(files(&*choose(Some(name)).unwrap()), [file]);
    }
    for wanted in [None, Some("latest"), Some("linux/s390x")] {
        let error = choose(wanted).err().unwrap().to_string();
        assert!(
            error.contains("linux/amd64 = latest = sha256:") && error.contains("linux/arm64/v8"),
            "{error}"
        );
        assert!(!error.contains("unknown"), "{error}");
    }
}

/// A layout says nothing of what else lies in its directory: a root file system with a layout in it would hide behind it.
#[test]
fn what_lies_beside_a_layout_is_noticed() {
    let layout = Layout::new();
    layout.index(&[layout.image(&[layer(&["inside"])])]);
    for known in ["manifest.json", "repositories"] {
        fs::write(layout.path().join(known), "[]").unwrap();
    }
    let archive = |layout: &Layout| {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_dir_all("", layout.path()).unwrap();
        hardpan_image::open_stream(&builder.into_inner().unwrap()[..]).unwrap()
    };
    for tree in [layout.open().unwrap(), archive(&layout)] {
        assert_eq!((files(&*tree), tree.anomalies()), (vec!["/inside".to_owned()], vec![]));
    }
    fs::create_dir_all(layout.path().join("usr/bin")).unwrap();
    fs::write(layout.path().join("usr/bin/tool"), "tool").unwrap();
    fs::write(layout.path().join("app"), "app").unwrap();
    for tree in [layout.open().unwrap(), archive(&layout)] {
        let mut seen = tree.anomalies();
        seen.sort_by(|a, b| a.what.cmp(&b.what));
        assert!(seen.iter().all(|anomaly| anomaly.hides_entries), "{seen:?}");
        let words: Vec<_> = seen.iter().map(|anomaly| &anomaly.what[..5]).collect();
        assert_eq!(words, ["`app`", "`usr`"], "{seen:?}");
    }
}

/// An annotation alone hides no image that a runtime would take.
#[test]
fn an_image_for_a_platform_is_no_attestation() {
    let layout = Layout::new();
    let mut hidden = layout.image(&[layer(&["hidden"])]);
    hidden["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    layout.index(&[layout.image(&[layer(&["shown"])]), hidden.clone()]);
    assert!(matches!(layout.open(), Err(OpenError::Choice { .. })));
    hidden["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    layout.index(&[layout.image(&[layer(&["shown"])]), hidden]);
    assert!(matches!(layout.open(), Err(OpenError::Choice { .. })));
}

#[test]
fn what_does_not_have_its_digest_is_no_blob() {
    let layout = Layout::new();
    let manifest = layout.image(&[layer(&["a"])]);
    let blob = |descriptor: &serde_json::Value| {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
        layout.path().join("blobs/sha256").join(digest)
    };
    layout.index(std::slice::from_ref(&manifest));
    assert_eq!(layout.open().unwrap().anomalies(), []);
    // The manifest itself.
    let bytes = fs::read(blob(&manifest)).unwrap();
    fs::write(blob(&manifest), [&bytes[..], b" "].concat()).unwrap();
    assert!(matches!(layout.open(), Err(OpenError::Unusable(error)) if error.fault() == Fault::Input));
    fs::write(blob(&manifest), &bytes).unwrap();
    // A layer whose bytes are still an archive.
    let layer_digest = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["layers"][0].clone();
    fs::write(blob(&layer_digest), layer(&["b"])).unwrap();
    let found = layout.open().unwrap().anomalies();
    assert!(found[0].hides_entries && found[0].what.contains("digest"), "{found:?}");
    fs::remove_file(blob(&layer_digest)).unwrap();
    assert!(layout.open().is_err());
}

#[test]
fn digests_lead_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, layer(&["secret"])).unwrap();
    let good = Layout::new();
    let sound = good.blob("application/vnd.oci.image.layer.v1.tar", &layer(&["a"]));
    for digest in [
        "sha256:../../../../../../etc/passwd".to_owned(),
        format!("sha256:{}", secret.display()),
        format!("sha256:{}", "A".repeat(64)),
        "sha256:".into(),
        "md5:d41d8cd98f00b204e9800998ecf8427e".into(),
        "sha512:00".into(),
        String::new(),
    ] {
        let mut layer = sound.clone();
        layer["digest"] = json!(digest);
        good.index(&[good.manifest(&json!([layer]))]);
        let error = good.open().err().unwrap().to_string();
        assert!(error.contains("is no SHA-256 digest"), "{digest}: {error}");
    }
    // A blob that is a link out of the layout.
    let digest = sound["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let blob = good.path().join("blobs/sha256").join(digest);
    fs::rename(&blob, outside.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("moved"), &blob).unwrap();
    good.index(&[good.manifest(&json!([sound]))]);
    assert!(good.open().is_err());
}

#[test]
fn documents_that_are_none_are_errors() {
    let layout = Layout::new();
    for (text, says) in [
        ("", "EOF"),
        ("{}", "manifests"),
        ("[", "EOF"),
        (r#"{"manifests": []}"#, "no image"),
        (r#"{"manifests": [{"digest": "sha256:00", "size": -1}]}"#, "invalid value"),
    ] {
        fs::write(layout.path().join("index.json"), text).unwrap();
        let error = layout.open().err().unwrap().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let large = fs::File::create(layout.path().join("index.json")).unwrap();
    large.set_len(5 << 20).unwrap();
    assert!(layout.open().is_err());
    // An index that holds itself has no digest, but many that hold each other are soon too deep.
    let mut inner = layout.image(&[layer(&["a"])]);
    for _ in 0..6 {
        let index = json!({ "schemaVersion": 2, "manifests": [inner] });
        inner = layout.blob("application/vnd.oci.image.index.v1+json", index.to_string().as_bytes());
    }
    layout.index(&[inner]);
    assert!(layout.open().err().unwrap().to_string().contains("indexes within indexes"));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    builder.append_data(&mut header, "manifest.json", &b"[]"[..]).unwrap();
    let bytes = builder.into_inner().unwrap();
    assert!(matches!(open_stream(&bytes[..]), Err(OpenError::Choice { .. })));
}
