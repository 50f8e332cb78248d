#![no_main]
hardpan_fuzz::target!(policy_compile, mutated);
