//! How fast each kernel is on one core: `cargo run --release -p hardpan-simd --example kernels`.
//!
//! By the time that the kernel books for this thread, so that other work on the machine does not count.

#![expect(clippy::print_stdout, reason = "an example that prints")]

use hardpan_simd::gf256::{self, Encoder};
use hardpan_simd::sha256::{INITIAL, Kernel};

fn main() {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let data: Vec<u8> = (0..128 * 4096).map(|_| next()).collect();
    for kernel in Kernel::available() {
        for (lanes, offset) in [(1, 0), (2, 0), (4, 0), (8, 0), (128, 0), (128, 32)] {
            let block = |block: &'static [u8]| &block[offset..offset + 4032];
            let leaked: &'static [u8] = Vec::leak(data.clone());
            let messages: Vec<&[u8]> = leaked.chunks(4096).take(lanes).map(block).collect();
            let mut states = vec![INITIAL; lanes];
            let run = || kernel.compress(&mut states, &messages);
            let rate = rate(lanes * 4032, run);
            println!("sha256, {:<8} {lanes:>3} messages at byte {offset:>2}: {rate:.2} GB/s", kernel.name());
        }
    }
    for kernel in gf256::Kernel::available() {
        for roots in [2_u8, 8, 24] {
            let generator: Vec<u8> = (1..=roots).map(|j| j.wrapping_mul(37)).collect();
            let Some(encoder) = Encoder::with_kernel(*kernel, &generator) else { continue };
            let rows: Vec<&[u8]> = data.chunks(2048).take(255 - encoder.roots()).collect();
            let mut parity = vec![0; 2048 * encoder.roots()];
            let rate = rate(rows.len() * 2048, || encoder.advance(&rows, &mut parity));
            println!("gf256, {:<14} {roots:>2} roots: {rate:.2} GB/s of data", kernel.name());
        }
    }
    for roots in [2, 24] {
        let mut out = vec![0; 4096 * roots];
        let rate = rate(out.len(), || gf256::interleave(&data[..4096 * roots], roots, &mut out));
        println!("interleave, {roots:>2} roots: {rate:.2} GB/s of parity");
    }
}

/// Billions of bytes in a second: the best of several attempts.
fn rate(bytes: usize, mut run: impl FnMut()) -> f64 {
    let rounds = (30_000_000 / bytes).max(1);
    let attempt = |_| {
        let before = nanoseconds();
        (0..rounds).for_each(|_| run());
        f64::from(u32::try_from(bytes * rounds).unwrap_or(u32::MAX)) / (nanoseconds() - before)
    };
    (0..5).map(attempt).fold(0.0, f64::max)
}

/// The processor time of this thread; proc_pid_schedstat has it first.
fn nanoseconds() -> f64 {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(f64::NAN)
}
