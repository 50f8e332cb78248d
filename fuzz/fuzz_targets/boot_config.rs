#![no_main]
hardpan_fuzz::target!(boot_config);
