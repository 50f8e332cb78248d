//! What `hardpan checksec` takes: packages, archives, images, parts of a root, and any mixture of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::util::report::Report;
use crate::util::{Dir, elf, lacks};

/// A root file system in `root`, with a good program and a weak one.
fn root(dir: &Dir) {
    dir.write_program("root/usr/bin/good", elf::hardened());
    dir.write_program("root/usr/bin/weak", elf::weak());
    symlink("usr/bin", dir.path("root/bin")).unwrap();
}

fn deb(dir: &Dir, compression: &str) -> String {
    let control =
        "Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: a sample\n";
    dir.write("root/DEBIAN/control", control);
    let name = format!("{compression}.deb");
    dir.tool("dpkg-deb", &[&format!("-Z{compression}"), "--root-owner-group", "-b", "root", &name]);
    fs::remove_dir_all(dir.path("root/DEBIAN")).unwrap();
    name
}

fn cpio(dir: &Dir) {
    let script = "cd root && find . | cpio --quiet -o -H newc > ../root.cpio && gzip -k ../root.cpio";
    dir.tool("bash", &["-c", script]);
}

const PROGRAMS: [&str; 2] = ["/usr/bin/good", "/usr/bin/weak"];

#[test]
fn every_format_has_the_same_programs() {
    if lacks(&["cc", "dpkg-deb", "cpio", "bash", "tar", "xz", "umoci"]) {
        return;
    }
    let dir = Dir::new();
    root(&dir);
    cpio(&dir);
    dir.tool("tar", &["-cJf", "root.tar.xz", "-C", "root", "."]);
    dir.tool("umoci", &["init", "--layout", "layout"]);
    dir.tool("umoci", &["new", "--image", "layout:one"]);
    dir.tool("umoci", &["insert", "--image", "layout:one", "root/usr", "/usr"]);
    let (xz, zstd) = (deb(&dir, "xz"), deb(&dir, "zstd"));
    let directory = dir.report(&["checksec", "root"]);
    for (name, kind) in [
        (&xz[..], "deb"),
        (&zstd, "deb"),
        ("root.cpio", "cpio"),
        ("root.cpio.gz", "cpio"),
        ("root.tar.xz", "tar.xz"),
        ("layout", "oci"),
    ] {
        let report = dir.report(&["checksec", name]);
        assert_eq!(report.0["subject"]["kind"], kind, "{name}");
        assert_eq!(report.0["matrix"], directory.0["matrix"], "{name}");
        assert_eq!(report.gate("gating"), directory.gate("gating"), "{name}");
    }
    let stdin = Stdio::from(fs::File::open(dir.path(&xz)).unwrap());
    let piped = dir.hardpan(&["checksec", "-", "--format=json"]).stdin(stdin).output().unwrap();
    assert_eq!(Report::of(&piped).0["matrix"], directory.0["matrix"]);
    // The audit opens the same.
    assert_eq!(dir.report(&["audit", "layout"]).0["subject"]["kind"], "oci");
}

#[test]
fn several_inputs_are_shown_behind_their_names() {
    if lacks(&["cc", "dpkg-deb", "ar"]) {
        return;
    }
    let dir = Dir::new();
    root(&dir);
    let deb = deb(&dir, "gzip");
    let file = dir.write_program("alone", elf::hardened());
    dir.write("script", "#!/bin/sh\n");
    let report = dir.report(&["checksec", &deb, "alone", "root", "script"]);
    let alone = file.canonicalize().unwrap().to_str().unwrap().to_owned();
    let mut wanted: Vec<String> =
        [&deb[..], "root"].iter().flat_map(|root| PROGRAMS.map(|path| format!("{root}:{path}"))).collect();
    wanted.push(alone);
    wanted.sort();
    assert_eq!(report.executables().into_iter().collect::<Vec<_>>(), wanted);
    assert_eq!(report.0["subject"]["kind"], "inputs");
    assert_eq!(report.exit_code(), 1);
    let at = |id: &str| report.rule(id)["findings"][0]["location"]["path"].clone();
    assert_eq!(at("ELF-004"), format!("{deb}:/usr/bin/weak"));
    // Damage in one of them makes the run incomplete, and the others are judged all the same.
    let bytes = fs::read(dir.path(&deb)).unwrap();
    dir.write("cut.deb", &bytes[..bytes.len() - 40]);
    let report = dir.report(&["checksec", "cut.deb", "root"]);
    assert_eq!(report.exit_code(), 2);
    assert!(report.executables().contains("root:/usr/bin/weak"));
    let found = report.rule("ELF-010")["findings"].as_array().unwrap();
    assert!(found.iter().any(|finding| finding["location"]["path"] == "cut.deb"), "{found:?}");
    assert!(dir.fails(2, &["checksec", "nowhere.deb", "root"]).contains("cannot read nowhere.deb"));
}

#[test]
fn paths_in_a_root_stay_in_it() {
    if lacks(&["cc", "dpkg-deb"]) {
        return;
    }
    let dir = Dir::new();
    root(&dir);
    let outside = dir.write_program("outside/weak", elf::weak());
    dir.write_program("root/opt/other", elf::weak());
    symlink(&outside, dir.path("root/usr/bin/escape")).unwrap();
    symlink("../../../../../../usr/bin/good", dir.path("root/usr/bin/climb")).unwrap();
    let executables = |args: &[&str]| {
        let report = dir.report(&[&["checksec", "--root", "root"], args].concat());
        report.executables().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(executables(&["/bin"]), PROGRAMS);
    assert_eq!(executables(&["bin/good", "/opt"]), ["/opt/other", "/usr/bin/good"]);
    assert_eq!(executables(&["/usr/bin/climb"]), ["/usr/bin/good"]);
    assert_eq!(executables(&[]), ["/opt/other", "/usr/bin/good", "/usr/bin/weak"]);
    for path in ["/usr/bin/escape", "/nowhere", outside.to_str().unwrap()] {
        let said = dir.fails(2, &["checksec", "--root", "root", path]);
        assert!(said.contains("does not exist"), "{path}: {said}");
    }
    let deb = deb(&dir, "none");
    let report = dir.report(&["checksec", "--root", &deb, "/bin/weak"]);
    assert_eq!(report.executables().into_iter().collect::<Vec<_>>(), ["/usr/bin/weak"]);
}

#[test]
fn an_image_of_several_is_named() {
    if lacks(&["cc", "umoci"]) {
        return;
    }
    let dir = Dir::new();
    root(&dir);
    dir.tool("umoci", &["init", "--layout", "layout"]);
    for (tag, program) in [("one", "good"), ("two", "weak")] {
        let image = format!("layout:{tag}");
        dir.tool("umoci", &["new", "--image", &image]);
        dir.tool("umoci", &["insert", "--image", &image, &format!("root/usr/bin/{program}"), "/usr/bin/it"]);
    }
    let said = dir.fails(2, &["checksec", "layout"]);
    assert!(said.contains("--image") && said.contains("one = sha256:") && said.contains("two = "), "{said}");
    assert_eq!(dir.report(&["checksec", "layout", "--image", "one"]).exit_code(), 0);
    assert_eq!(dir.report(&["checksec", "layout", "--image=two"]).exit_code(), 1);
    assert!(dir.fails(2, &["audit", "layout", "--image=three"]).contains("`three`"));
}

/// What is told of a library that cannot be judged is told in every format, and what is no file at all is an error.
#[test]
fn what_cannot_be_judged_is_no_clean_report() {
    if lacks(&["cc", "ar", "mkfifo"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("inner.o", elf::hardened());
    dir.tool("ar", &["qc", "inner.a", "inner.o"]);
    dir.tool("ar", &["qcS", "outer.a", "inner.a"]);
    dir.tool("ar", &["qcT", "thin.a", "inner.o"]);
    let csv = |name: &str| {
        let output = dir.hardpan(&["checksec", name, "--format=csv"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for (name, code, shown) in [("outer.a", 2, "outer.a(inner.a)"), ("thin.a", 2, "thin.a")] {
        let (found, text) = csv(name);
        assert_eq!(found, Some(code), "{text}");
        assert!(text.lines().any(|line| line.contains(shown) && line.contains("unknown:unread")), "{text}");
    }
    dir.write("build/notes.txt", "nothing was built");
    assert_eq!(dir.report(&["checksec", "build"]).exit_code(), 2);
    assert_eq!(dir.report(&["checksec", "build", "--allow-empty"]).exit_code(), 0);
    dir.tool("mkfifo", &["fifo"]);
    for arguments in [&["checksec", "fifo"][..], &["checksec", "inner.o", "fifo"], &["checksec", "/dev/null"]]
    {
        let output = dir.hardpan(arguments).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {words}");
        assert!(words.contains("neither a file nor a directory"), "{words}");
    }
}

/// What a policy says of a path holds for it in each of several roots as in one alone, and for no path that only ends so.
#[test]
fn a_policy_means_the_paths_inside_of_each_root() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    for root in ["one", "two"] {
        dir.write_program(format!("{root}/usr/bin/weak"), elf::weak());
    }
    let config = |text: &str| dir.write("policy.toml", text);
    let code = |inputs: &[&str]| {
        let arguments = [&["checksec", "--config", "policy.toml"], inputs].concat();
        dir.hardpan(&arguments).output().unwrap().status.code()
    };
    let critical = "[gate]\nfail-on = \"critical\"\n[severity]\nELF-004 = \"off\"\n";
    config(&format!(
        "{critical}[[checksec.section]]\npath = \"/usr/bin/*\"\nrules = {{ relro = \"critical\" }}\n"
    ));
    assert_eq!((code(&["one"]), code(&["one", "two"])), (Some(1), Some(1)));
    // The files of one root are asked for, and others have the path behind their own.
    let other = "[[checksec.section]]\npath = \"one:/usr/bin/*\"\nrules = { relro = \"critical\" }\n";
    config(&format!("{critical}{other}"));
    assert_eq!((code(&["one", "two"]), code(&["two"])), (Some(1), Some(0)));
    dir.write_program("two/opt/x:/usr/bin/weak", elf::weak());
    std::fs::remove_dir_all(dir.path("two/usr/bin")).unwrap();
    config(&format!(
        "{critical}[[checksec.section]]\npath = \"/opt/**\"\nrules = {{ relro = \"critical\" }}\n\
         [[checksec.section]]\npath = \"/usr/bin/*\"\nrules = {{ relro = \"off\" }}\n"
    ));
    assert_eq!(code(&["one", "two"]), Some(1), "a directory's name takes a file out of its place");
}
