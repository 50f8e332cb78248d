//! What `generate` writes, and what it refuses.

use std::fs;

use serde_json::Value;

use super::{GENERATE, example, kernel, module, read};
use crate::util::{Dir, assert_no_panic, is_there, lacks};

/// The outcome of a check of the manifest, for each subject.
fn outcomes(manifest: &Value, check: &str) -> Vec<(String, String)> {
    let checks = manifest["checks"].as_array().unwrap().iter().filter(|it| it["check"] == check);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks.map(|it| (text(&it["subject"]), text(&it["outcome"]))).collect()
}

#[test]
fn everything_is_written_and_said() {
    let dir = Dir::new();
    example(&dir, "[kernel]\nlockdown = \"integrity\"\n[sysctl]\nrules = \"base\"");
    let manifest: Value = serde_json::from_str(&dir.ok(&[&GENERATE[..], &["--json"]].concat())).unwrap();
    let names =
        ["90-hardpan.conf", "boot.conf", "cmdline", "dm-mod-create-a", "dm-table-a", "initramfs.cpio"];
    let listed: Vec<&str> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(listed, names);
    assert_eq!(crate::util::names(&dir.path("boot")), [&names[..], &["manifest.json"]].concat());
    assert_eq!(read(&dir.path("boot/manifest.json")), format!("{manifest:#}\n"));
    assert_eq!(outcomes(&manifest, "image"), [("slot a".to_owned(), "proved".to_owned())]);
    assert_eq!(outcomes(&manifest, "init"), [(String::new(), "not-checked".to_owned())]);
    let root = manifest["slots"][0]["root_hash"].as_str().unwrap();
    let descriptor: Value = serde_json::from_str(&read(&dir.path("root.json"))).unwrap();
    assert_eq!(descriptor["root_hash"], root);
    for name in ["boot.conf", "dm-table-a", "dm-mod-create-a"] {
        assert!(read(&dir.path("boot").join(name)).contains(root), "{name}");
    }
    if !lacks(&["sha256sum"]) {
        for file in manifest["files"].as_array().unwrap() {
            let path = format!("boot/{}", file["name"].as_str().unwrap());
            let said = String::from_utf8(dir.tool("sha256sum", &[&path])).unwrap();
            assert_eq!(said.split(' ').next(), file["sha256"].as_str(), "{path}");
        }
    }
}

/// What is generated is taken by the commands that read it.
#[test]
fn tables_and_parameters_describe_the_image() {
    let dir = Dir::new();
    example(&dir, "");
    dir.ok(&GENERATE);
    dir.ok(&["verity", "verify", "root.img", "root.hash", "--table-file", "boot/dm-table-a"]);
    dir.ok(&["verity", "compare", "--cmdline", "boot/dm-mod-create-a", "root.img", "root.hash"]);
    let plan = dir.ok(&["lockdown", "plan", "boot/boot.conf"]);
    assert!(plan.contains("slot a (version 3)"), "{plan}");
    assert_eq!(plan, dir.ok(&["lockdown", "plan", "profile.toml"]));
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let dir = Dir::new();
    example(&dir, "[sysctl]\nrules = \"strict\"");
    let files = |name: &str| {
        let args = [&GENERATE[..7], &[name]].concat();
        let run = dir.hardpan(&args).env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
        assert!(run.status.success(), "{run:?}");
        let names = crate::util::names(&dir.path(name));
        names.iter().map(|file| fs::read(dir.path(name).join(file)).unwrap()).collect::<Vec<_>>()
    };
    let first = files("one");
    assert_eq!(first, files("two"));
    let other = dir.hardpan(&[&GENERATE[..7], &["three"]].concat()).output().unwrap();
    assert!(other.status.success());
    assert_ne!(first[5], fs::read(dir.path("three/initramfs.cpio")).unwrap(), "the time is in the initramfs");
}

#[test]
fn an_image_that_does_not_verify_is_refused() {
    let dir = Dir::new();
    example(&dir, "");
    let mut bytes = fs::read(dir.path("root.img")).unwrap();
    bytes[70_000] ^= 1;
    dir.write("root.img", bytes);
    let said = dir.fails(1, &GENERATE);
    assert!(said.contains("nothing was written") && said.contains("slot a"), "{said}");
    assert!(!dir.path("boot").exists());
    // A bypass is named as one, and is said.
    let args = [&GENERATE[..], &["--danger-unverified", "--json"]].concat();
    let manifest: Value = serde_json::from_str(&dir.ok(&args)).unwrap();
    assert_eq!(outcomes(&manifest, "image"), [("slot a".to_owned(), "not-checked".to_owned())]);
}

#[test]
fn options_stand_in_for_the_profile() {
    let dir = Dir::new();
    example(&dir, "");
    let root: Value = serde_json::from_str(&read(&dir.path("root.json"))).unwrap();
    let root = root["root_hash"].as_str().unwrap();
    dir.write(
        "bare.toml",
        "profile = 1\n[[slot]]\nname = \"a\"\n[[slot]]\nname = \"b\"\n[root]\ntype = \"erofs\"\n",
    );
    let with = |slot: &str| {
        let values = [("--image", "root.img"), ("--hash", "root.hash"), ("--root-hash", root)];
        values.map(|(option, value)| format!("{option}={slot}={value}"))
    };
    let base = ["lockdown", "generate", "--profile", "bare.toml", "--boot", "hardpan-boot", "-o", "boot"];
    let given = [with("a"), with("b")].concat();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    dir.ok(&[&base[..], &given].concat());
    assert_eq!(read(&dir.path("boot/boot.conf")).matches(root).count(), 2);
    let said = dir.fails(2, &[&base[..], &given[..3]].concat());
    assert!(said.contains("slot b"), "{said}");
    let said = dir.fails(2, &[&base[..], &["--image=root.img"]].concat());
    assert!(said.contains("does not say for which slot") && said.contains("a, b"), "{said}");
    // Another root hash than the image's.
    let other = format!("--root-hash=b={}", "0".repeat(64));
    let wrong = [&given[..5], &[other.as_str()]].concat();
    assert!(dir.fails(1, &[&base[..], &wrong].concat()).contains("slot b"));
}

#[test]
fn modules_come_in_the_order_in_which_they_load() {
    let dir = Dir::new();
    example(
        &dir,
        "[modules]\ndirectory = \"modules\"\nrequired = [\"dm-verity\", \"virtio_blk\"]\noptional = [\"loop\"]\nparameters = { dm_verity = \"require_signatures=1\" }",
    );
    let modules = [
        ("dm-verity", "dm-bufio,dm-mod"),
        ("dm-bufio", "dm-mod"),
        ("dm-mod", ""),
        ("virtio_blk", "virtio"),
        ("virtio", ""),
        ("loop", ""),
    ];
    kernel(&dir, &modules, &["fs/erofs/erofs"]);
    if !lacks(&["xz", "zstd", "gzip"]) {
        dir.tool("xz", &["--check=crc32", "modules/kernel/dm-mod.ko"]);
        dir.tool("zstd", &["--rm", "-q", "modules/kernel/dm-bufio.ko"]);
        dir.tool("gzip", &["modules/kernel/virtio.ko"]);
    }
    let manifest: Value = serde_json::from_str(&dir.ok(&[&GENERATE[..], &["--json"]].concat())).unwrap();
    let text = read(&dir.path("boot/boot.conf"));
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("module /modules/")).collect();
    let wanted = [
        "dm_mod.ko required",
        "dm_bufio.ko required",
        "dm_verity.ko required require_signatures=1",
        "virtio.ko required",
        "virtio_blk.ko required",
        "loop.ko optional",
    ];
    assert_eq!(lines, wanted);
    assert_eq!(manifest["modules"][0]["needed_by"], serde_json::json!(["dm_verity", "dm_bufio"]));
    assert_eq!(outcomes(&manifest, "module-needed").len(), 3);
    let archive = fs::read(dir.path("boot/initramfs.cpio")).unwrap();
    let original = module(&["name=dm_mod", "depends=", "vermagic=6.1.0 SMP"]);
    assert!(archive.windows(original.len()).any(|window| window == original), "it is not unpacked");
}

#[test]
fn modules_that_cannot_boot_are_refused() {
    let dir = Dir::new();
    let wants =
        "[modules]\ndirectory = \"modules\"\nrequired = [\"dm-verity\"]\n[kernel]\nrelease = \"6.1.0\"";
    example(&dir, wants);
    kernel(&dir, &[("dm-verity", "dm-mod"), ("dm-mod", "dm-verity")], &["erofs"]);
    let said = dir.fails(2, &GENERATE);
    assert!(said.contains("dm_verity needs dm_mod needs dm_verity"), "{said}");
    kernel(&dir, &[("dm-verity", "dm-gone"), ("dm-mod", "")], &["erofs"]);
    let said = dir.fails(2, &GENERATE);
    assert!(said.contains("no module dm_gone, which dm_verity needs"), "{said}");
    kernel(&dir, &[("dm-verity", ""), ("dm-mod", "")], &["erofs"]);
    let said = dir.fails(1, &GENERATE);
    assert!(said.contains("dm_mod: device-mapper is neither built in nor"), "{said}");
    kernel(&dir, &[("dm-verity", "dm-mod"), ("dm-mod", "")], &[]);
    let said = dir.fails(1, &GENERATE);
    assert!(said.contains("erofs: the root's file system"), "{said}");
    kernel(&dir, &[("dm-verity", "dm-mod"), ("dm-mod", "")], &["erofs"]);
    dir.ok(&GENERATE);
    dir.write("modules/kernel/dm-mod.ko", module(&["name=dm_mod", "vermagic=5.10 SMP"]));
    let said = dir.fails(1, &GENERATE);
    assert!(said.contains("dm_mod: is built for 5.10, and the kernel is 6.1.0"), "{said}");
    dir.write("modules/updates/dm-mod.ko", module(&["name=dm_mod"]));
    assert!(dir.fails(2, &GENERATE).contains("two files are the module dm_mod"));
}

#[test]
fn a_signature_is_checked_by_the_certificate_that_is_named() {
    if !is_there("a_signature_is_checked_by_the_certificate_that_is_named", "openssl", &["version"]) {
        return;
    }
    let dir = Dir::new();
    let keys = "signature = \"root.p7s\"\ncertificate = \"cert.pem\"\n[root]";
    example(&dir, "");
    for name in ["", "other-"] {
        let (key, certificate) = (format!("{name}key.pem"), format!("{name}cert.pem"));
        let request = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=x",
            "-days",
            "3650",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ];
        dir.tool("openssl", &request);
    }
    let profile = read(&dir.path("profile.toml")).replace("[root]", keys);
    dir.write("profile.toml", format!("{profile}[verity]\nrequire-signature = true\n"));
    dir.ok(&[
        "verity",
        "sign",
        "--params",
        "root.json",
        "--key",
        "key.pem",
        "--certificate",
        "cert.pem",
        "-o",
        "json.p7s",
    ]);
    let root: Value = serde_json::from_str(&read(&dir.path("root.json"))).unwrap();
    let root = root["root_hash"].as_str().unwrap();
    dir.ok(&["verity", "sign", root, "--key", "key.pem", "--certificate", "cert.pem", "-o", "root.p7s"]);
    let manifest: Value = serde_json::from_str(&dir.ok(&[&GENERATE[..], &["--json"]].concat())).unwrap();
    assert_eq!(outcomes(&manifest, "signature"), [("slot a".to_owned(), "proved".to_owned())]);
    assert!(read(&dir.path("boot/boot.conf")).contains("signature /signatures/a.p7s"));
    assert!(read(&dir.path("boot/cmdline")).contains("dm_verity.require_signatures=1"));
    fs::copy(dir.path("other-cert.pem"), dir.path("cert.pem")).unwrap();
    assert!(dir.fails(1, &GENERATE).contains("slot a: the signature is not valid"));
}

#[test]
fn the_example_of_the_documentation_works() {
    let dir = Dir::new();
    example(&dir, "");
    for version in ["1", "2"] {
        for ending in ["img", "hash", "json"] {
            fs::copy(dir.path(format!("root.{ending}")), dir.path(format!("root-{version}.{ending}")))
                .unwrap();
        }
    }
    let modules =
        [("virtio_pci", ""), ("virtio_blk", ""), ("dm-verity", "dm-mod"), ("dm-mod", ""), ("erofs", "")];
    kernel(&dir, &modules, &[]);
    dir.write("a.cil", SMALL_POLICY);
    dir.ok(&["policy", "compile", "a.cil", "-o", "policy.33"]);
    dir.write("profile.toml", include_str!("../../docs/examples/profile.toml"));
    dir.ok(&GENERATE);
    let plan = dir.ok(&["lockdown", "plan", "boot/boot.conf"]);
    for line in [
        "slot b (version 1)",
        "slot-tries",
        "policy-load: ",
        "lockdown-probe: integrity",
        "etc /usr/share/factory/etc: ",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    assert!(!plan.contains("kexec_load_disabled"), "{plan}");
    let said = dir.run(&["lockdown", "apply", "--profile", "profile.toml", "--dry-run", "--json"]);
    assert!(serde_json::from_slice::<Value>(&said.stdout).unwrap()["actions"].as_array().unwrap().len() > 20);
}

#[test]
fn the_policy_is_the_one_whose_fingerprint_is_expected() {
    let dir = Dir::new();
    example(
        &dir,
        "[kernel]\nrelease = \"6.12.1\"\n[selinux]\npath = \"/etc/selinux/policy.33\"\npolicy = \"policy.33\"\n[etc]",
    );
    let source = dir.write("a.cil", SMALL_POLICY);
    dir.ok(&["policy", "compile", source.to_str().unwrap(), "-o", "policy.33"]);
    dir.ok(&GENERATE);
    let told = dir.ok(&["policy", "fingerprint", "policy.33", "--kernel", "6.12"]);
    let digest = told.split(' ').next().unwrap();
    assert!(read(&dir.path("boot/boot.conf")).contains(&format!("fingerprint {digest}")));
    let profile = read(&dir.path("profile.toml"));
    dir.write(
        "profile.toml",
        profile.replace("policy = ", &format!("fingerprint = \"{}\"\npolicy = ", "0".repeat(64))),
    );
    assert!(dir.fails(1, &GENERATE).contains("the profile says another"));
    dir.write("profile.toml", &profile);
    // The tree of which the image was made has what the boot looks for, or is refused.
    let args = [&GENERATE[..], &["--tree", "tree"]].concat();
    dir.write_program("tree/sbin/init", "x");
    dir.write("tree/usr/share/factory/etc/hosts", "x");
    dir.write("tree/etc/selinux/policy.33", fs::read(dir.path("policy.33")).unwrap());
    dir.ok(&args);
    dir.write("tree/etc/selinux/policy.33", "other");
    fs::remove_file(dir.path("tree/sbin/init")).unwrap();
    let said = dir.fails(1, &args);
    assert!(said.contains("/sbin/init") && said.contains("is another policy"), "{said}");
}

#[test]
fn mistakes_in_a_profile_have_their_place() {
    let dir = Dir::new();
    example(&dir, "[kernel]\nlockdown = \"high\"");
    let said = dir.fails(2, &GENERATE);
    assert!(said.starts_with("error: profile.toml:11:12: use integrity or confidentiality"), "{said}");
    let said = dir.fails(2, &["lockdown", "apply", "--profile", "profile.toml", "--dry-run"]);
    assert!(said.starts_with("error: profile.toml:11:12:"), "{said}");
    dir.write("boot.conf", "hardpan-boot 1\nroots erofs\n");
    let said = dir.fails(2, &["lockdown", "plan", "boot.conf"]);
    assert!(said.starts_with("error: boot.conf:2:1: there is no directive `roots`"), "{said}");
}

#[test]
fn what_is_no_static_program_is_refused_as_init() {
    let dir = Dir::new();
    example(&dir, "");
    dir.write("hardpan-boot", "#!/bin/sh\n");
    assert!(dir.fails(1, &GENERATE).contains("is no program for Linux"));
    let dynamic = [&GENERATE[..5], &[crate::util::HARDPAN], &GENERATE[6..]].concat();
    assert!(dir.fails(1, &dynamic).contains("is no static program"));
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let dir = Dir::new();
    example(&dir, "");
    dir.write("boot/mine", "x");
    assert!(dir.fails(2, &GENERATE).contains("is not empty"));
    assert_eq!(crate::util::names(&dir.path("boot")), ["mine"]);
    fs::remove_file(dir.path("boot/mine")).unwrap();
    dir.ok(&GENERATE);
    // An earlier run's is replaced as a whole.
    dir.write("boot/old", "x");
    dir.ok(&GENERATE);
    assert!(!dir.path("boot/old").exists());
    assert!(!dir.names().iter().any(|name| name.starts_with(".hardpan")), "{:?}", dir.names());
}

#[test]
fn a_run_that_fails_leaves_the_old_directory() {
    let dir = Dir::new();
    example(&dir, "");
    dir.ok(&GENERATE);
    let before = fs::read(dir.path("boot/manifest.json")).unwrap();
    fs::remove_file(dir.path("root.hash")).unwrap();
    let output = dir.run(&GENERATE);
    assert_no_panic(&output);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(dir.path("boot/manifest.json")).unwrap(), before);
}

/// As little as a policy can be.
const SMALL_POLICY: &str = "\
(class file (read write))
(classorder (file))
(sid kernel)
(sidorder (kernel))
(user u)
(role r)
(type t)
(category c0)
(categoryorder (c0))
(sensitivity s0)
(sensitivityorder (s0))
(sensitivitycategory s0 (c0))
(level low (s0))
(levelrange range (low low))
(userrole u r)
(roletype r t)
(userrange u range)
(userlevel u low)
(context kernel_context (u r t range))
(sidcontext kernel kernel_context)
(allow t self (file (read)))
";
