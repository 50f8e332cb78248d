#![no_main]
hardpan_fuzz::target!(dm_reply);
