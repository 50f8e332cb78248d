//! Who may import whom, and which crates can have unsafe code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// The crates of the workspace with the internal crates that each may import: at most these. A new arrow is a decision
/// about the architecture, to be written into docs/architecture.md together with a line here.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "hardpan",
        &[
            "hardpan-audit",
            "hardpan-checksec",
            "hardpan-image",
            "hardpan-lockdown",
            "hardpan-report",
            "hardpan-selinux-policy",
            "hardpan-sys",
            "hardpan-verity",
        ],
    ),
    (
        "hardpan-audit",
        &[
            "hardpan-checksec",
            "hardpan-image",
            "hardpan-lockdown",
            "hardpan-report",
            "hardpan-selinux-policy",
            "hardpan-verity",
        ],
    ),
    // The first program of an initramfs: what it needs to boot, and nothing that judges or renders.
    ("hardpan-boot", &["hardpan-lockdown", "hardpan-sys"]),
    ("hardpan-checksec", &["hardpan-image", "hardpan-report"]),
    ("hardpan-image", &[]),
    ("hardpan-lockdown", &["hardpan-report", "hardpan-sys", "hardpan-verity"]),
    ("hardpan-report", &[]),
    ("hardpan-selinux-policy", &[]),
    ("hardpan-simd", &[]),
    ("hardpan-sys", &[]),
    ("hardpan-verity", &["hardpan-simd"]),
    ("xtask", &[]),
];

/// Crates that are programs.
const PROGRAMS: &[&str] = &["hardpan", "hardpan-boot", "xtask"];

/// Libraries that the command reaches through another library only.
const INTERNAL: &[&str] = &["hardpan-simd"];

#[test]
fn crates_import_only_what_the_architecture_allows() {
    let allowed_crates: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names().collect::<BTreeSet<_>>(),
        allowed_crates,
        "the workspace has other crates than the table"
    );
    for (name, allowed) in ALLOWED {
        let imports = internal_imports(name);
        let extra: Vec<_> = imports.iter().filter(|import| !allowed.contains(import)).collect();
        assert!(extra.is_empty(), "{name} must not import {extra:?}");
    }
}

#[test]
fn the_command_is_over_every_library() {
    let mut libraries: BTreeSet<&str> = names().filter(|name| !PROGRAMS.contains(name)).collect();
    libraries.retain(|name| !INTERNAL.contains(name));
    assert_eq!(internal_imports("hardpan"), libraries);
}

#[test]
fn tasks_need_nothing_but_the_standard_library() {
    assert_eq!(package("xtask")["dependencies"], serde_json::json!([]));
}

/// What may never be part of the boot binary, with the reason of most: every byte of it is in every initramfs, and every
/// line of it runs before anything could be verified.
const NEVER_AT_BOOT: &[&str] = &[
    "anyhow",
    "clap",
    "flate2",
    "hardpan-image",
    "hardpan-report",
    "rayon",
    "regex",
    "ring",
    "serde",
    "serde_json",
    "toml",
    "tracing",
];

#[test]
fn the_boot_binary_has_few_dependencies() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "tree",
        "-p",
        "hardpan-boot",
        "-e",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--offline",
    ]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let tree: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    // A tree that was read wrongly would have nothing forbidden in it.
    for there in ["hardpan-boot", "hardpan-lockdown", "hardpan-sys", "hardpan-verity", "rustix"] {
        assert!(tree.contains(there), "{there} is not in the tree {tree:?}");
    }
    let forbidden: Vec<&&str> = tree.iter().filter(|name| NEVER_AT_BOOT.contains(name)).collect();
    assert!(forbidden.is_empty(), "hardpan-boot must not depend on {forbidden:?}");
}

/// The crates that can have unsafe code: they have the workspace's lints, but deny it where the others forbid it.
const UNSAFE: &[&str] = &["hardpan-simd", "hardpan-sys"];

#[test]
fn only_the_named_crates_can_have_unsafe_code() {
    let workspace = manifest(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let mut shared = workspace["workspace"]["lints"].clone();
    assert_eq!(shared["rust"]["unsafe_code"].as_str(), Some("forbid"));
    // A crate with unsafe code has the same table, in which it must expect the lint at each place.
    shared["rust"]["unsafe_code"] = "deny".into();
    for name in names() {
        let path = PathBuf::from(package(name)["manifest_path"].as_str().unwrap());
        let lints = manifest(&path).get("lints").cloned();
        if UNSAFE.contains(&name) {
            assert_eq!(lints, Some(shared.clone()), "{name} has other lints than the workspace");
            continue;
        }
        let inherits = lints.and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(inherits, Some(true), "{name} does not inherit the workspace's lints");
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    packages().iter().map(|package| package["name"].as_str().unwrap())
}

fn package(name: &str) -> &'static Value {
    let found = packages().iter().find(|package| package["name"] == name);
    found.unwrap_or_else(|| panic!("no crate {name} in the workspace"))
}

/// The crates of this workspace that a crate needs to be built; those that only its tests need are not meant.
fn internal_imports(name: &str) -> BTreeSet<&'static str> {
    let dependencies = package(name)["dependencies"].as_array().unwrap().iter();
    let needed =
        dependencies.filter(|dependency| dependency["kind"] != "dev" && dependency["path"].is_string());
    needed.map(|dependency| dependency["name"].as_str().unwrap()).collect()
}

fn packages() -> &'static [Value] {
    static READ: OnceLock<Value> = OnceLock::new();
    let metadata = READ.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
        let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    });
    metadata["packages"].as_array().unwrap()
}

fn manifest(path: &Path) -> toml::Table {
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
