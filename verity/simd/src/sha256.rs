//! The compression function of SHA-256 (FIPS 180-4, section 6.2.2), over several messages at once.
//!
//! There is no padding here: who calls puts salt, length and padding where they belong, and starts from [`INITIAL`].

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(target_arch = "x86_64")]
mod shani;

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU8;

use crate::shared::copy;

/// The state of one hash: its eight words, `a` to `h`.
pub type State = [u32; 8];

/// How many bytes the compression function takes at a time.
pub const BLOCK: usize = 64;

/// The state before the first block (FIPS 180-4, section 5.3.3).
#[rustfmt::skip]
pub const INITIAL: State = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
];

/// A way to compress that this machine has. All ways give the same states.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Kind);

/// Which functions a kernel calls. A value of a kind that needs instructions is made by [`detect`] alone, and only where
/// the processor has them; that is what makes the calls sound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    ShaNi,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Sha2,
    Portable,
}

impl Kernel {
    /// The fastest kernel of this machine.
    pub fn best() -> Self {
        Self::available().first().copied().unwrap_or(Self(Kind::Portable))
    }

    /// Every kernel of this machine, best first; the last is portable.
    pub fn available() -> &'static [Self] {
        static AVAILABLE: LazyLock<Vec<Kernel>> = LazyLock::new(detect);
        &AVAILABLE
    }

    /// What it is made of.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi => "SHA-NI",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
            #[cfg(target_arch = "aarch64")]
            Kind::Sha2 => "SHA2",
            Kind::Portable => "portable",
        }
    }

    /// How many messages it takes at once. It is fastest with a multiple of that many.
    pub fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi => shani::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => avx512::LANES,
            #[cfg(target_arch = "aarch64")]
            Kind::Sha2 => aarch64::LANES,
            Kind::Portable => 1,
        }
    }

    /// Compresses every message into the state of the same index.
    ///
    /// # Panics
    ///
    /// If there are not as many states as messages, or the messages are not of one length, a multiple of [`BLOCK`].
    pub fn compress(self, states: &mut [State], messages: &[&[u8]]) {
        let len = messages.first().map_or(0, |message| message.len());
        assert_eq!(states.len(), messages.len(), "one state for each message");
        assert!(len.is_multiple_of(BLOCK), "{len} bytes are not whole blocks");
        assert!(messages.iter().all(|message| message.len() == len), "messages of one length");
        self.dispatch(states, messages);
    }

    /// Whether [`Kernel::compress_shared`] hashes memory where it lies. Otherwise copies are made, and to read into memory
    /// of one's own is faster.
    pub fn takes_shared(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi => true,
            _ => false,
        }
    }

    /// Compresses messages that somebody else may change meanwhile. Every byte is read once: what is hashed is what was
    /// there at some time, though not all of it at the same.
    ///
    /// # Panics
    ///
    /// As [`Kernel::compress`].
    pub fn compress_shared(self, states: &mut [State], messages: &[&[AtomicU8]]) {
        let len = messages.first().map_or(0, |message| message.len());
        assert_eq!(states.len(), messages.len(), "one state for each message");
        assert!(len.is_multiple_of(BLOCK), "{len} bytes are not whole blocks");
        assert!(messages.iter().all(|message| message.len() == len), "messages of one length");
        self.dispatch_shared(states, messages);
    }

    #[cfg_attr(
        target_arch = "x86_64",
        expect(unsafe_code, reason = "a call of a function that needs instructions")
    )]
    fn dispatch_shared(self, states: &mut [State], messages: &[&[AtomicU8]]) {
        match self.0 {
            // SAFETY: the kind was made where the processor has what the function needs.
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi => unsafe { shani::compress(states, messages) },
            _ => self.compress_copies(states, messages),
        }
    }

    fn compress_copies(self, states: &mut [State], messages: &[&[AtomicU8]]) {
        let mut copies = vec![[0; BLOCK]; messages.len()];
        for index in 0..messages.first().map_or(0, |message| message.len() / BLOCK) {
            for (place, message) in copies.iter_mut().zip(messages) {
                copy(&message[index * BLOCK..][..BLOCK], place);
            }
            let copies: Vec<&[u8]> = copies.iter().map(<[u8; BLOCK]>::as_slice).collect();
            self.dispatch(states, &copies);
        }
    }

    #[cfg_attr(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        expect(unsafe_code, reason = "calls of functions that need instructions")
    )]
    fn dispatch(self, states: &mut [State], messages: &[&[u8]]) {
        match self.0 {
            // SAFETY: the kind was made where the processor has what the function needs.
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi => unsafe { shani::compress(states, messages) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::compress(states, messages) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Sha2 => unsafe { aarch64::compress(states, messages) },
            Kind::Portable => portable::compress(states, messages),
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Vec<Kernel> {
    let sha = is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1");
    let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let kinds = [(Kind::ShaNi, sha), (Kind::Avx512, avx512), (Kind::Portable, true)];
    kinds.into_iter().filter(|(_, here)| *here).map(|(kind, _)| Kernel(kind)).collect()
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Vec<Kernel> {
    let sha2 = std::arch::is_aarch64_feature_detected!("sha2").then_some(Kernel(Kind::Sha2));
    sha2.into_iter().chain([Kernel(Kind::Portable)]).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Vec<Kernel> {
    vec![Kernel(Kind::Portable)]
}

/// The first `N` messages as blocks, each as many as the first has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn blocks_of<'a, T, const N: usize>(messages: &[&'a [T]; N]) -> [&'a [[T; BLOCK]]; N] {
    messages.map(|message| message.as_chunks().0)
}

/// The constants of the 64 rounds (FIPS 180-4, section 4.2.2).
#[rustfmt::skip]
static K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];
