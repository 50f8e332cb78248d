//! What the kernel makes of several words of one name.

use hardpan_lockdown::cmdline::parameters::{Merge, Parameter};
use hardpan_lockdown::cmdline::{Word, words};

/// What is in force was said, by a word that the kernel looks at; at most one word is, unless they add up.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let all = words(&text);
    for word in all.iter().filter(|word| word.for_kernel) {
        let parameter = Parameter::named(&word.name);
        let own: Vec<&Word> = all.iter().filter(|other| other.for_kernel && other.is(&word.name)).collect();
        let in_force = parameter.in_force(&own);
        assert!(in_force.iter().all(|one| own.contains(one)));
        assert!(in_force.len() <= 1 || parameter.merge == Merge::All, "{text:?}");
        let value = word.value.as_deref().unwrap_or_default();
        assert!(parameter.accepts(value, value));
    }
}

/// One of each way to add up.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        b"mitigations=off mitigations=auto,nosmt init_on_alloc=1 init-on-alloc=x -- quiet".to_vec(),
        b"module.sig_enforce module.sig_enforce=0 console=a console=\"b c\" lockdown=none".to_vec(),
    ]
}
