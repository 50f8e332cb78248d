#![no_main]
hardpan_fuzz::target!(cil, mutated);
