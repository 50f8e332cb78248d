#![no_main]
hardpan_fuzz::target!(sysctl_d);
