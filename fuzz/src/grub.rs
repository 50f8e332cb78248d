//! GRUB's scripts and environment blocks.

use hardpan_lockdown::loader::{Variables, environment, grub, settings};

/// What starts a kernel is on a line that is there and names one; variables are put in place in a bounded number of ways, and
/// where there are none the text stays as it is.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut variables = Variables::default();
    for line in settings(&text).unwrap_or_default().iter().chain(&environment(&text).unwrap_or_default()) {
        variables.note(line);
    }
    let lines = match grub(&text) {
        Ok(lines) => lines,
        Err(error) => {
            assert!(error.line as usize <= text.lines().count() && error.column >= 1, "{error}");
            return;
        }
    };
    for found in lines {
        assert!(!found.kernel.is_empty() && found.line as usize <= text.lines().count());
        let ways = variables.expand(&found.arguments);
        assert!(!ways.is_empty() && ways.len() <= 16, "{}", ways.len());
        if !found.arguments.contains('$') {
            assert_eq!(ways, [found.arguments]);
        }
    }
}

/// A menu entry with variables, and an environment block.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        b"set a=\"ro quiet\"\nif x; then set a=single; fi\nmenuentry 'x' {\n\tlinux /v root=y ${a} \\\n $b\n}\n".to_vec(),
        b"# GRUB Environment Block\nkernelopts=ro\n#####".to_vec(),
    ]
}
