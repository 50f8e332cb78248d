#![no_main]
hardpan_fuzz::target!(pkcs7);
