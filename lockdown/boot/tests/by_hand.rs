//! What somebody gets who runs it on a machine that is up.

#[test]
fn it_does_nothing_but_as_the_first_program() {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_hardpan-boot")).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("first program of an initramfs"), "{run:?}");
}
