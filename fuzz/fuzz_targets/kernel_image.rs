#![no_main]
hardpan_fuzz::target!(kernel_image);
