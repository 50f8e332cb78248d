//! Little-endian output.

/// Bytes of a policy that is being written.
pub(super) struct Sink {
    bytes: Vec<u8>,
    /// The version of the format.
    pub(super) version: u32,
}

impl Sink {
    pub(super) fn new(version: u32) -> Self {
        Self { bytes: Vec::new(), version }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u32s<const COUNT: usize>(&mut self, numbers: [u32; COUNT]) {
        for number in numbers {
            self.u32(number);
        }
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    /// How many of something follow.
    pub(super) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("lists that are in memory have fewer than 2^32 elements"));
    }

    /// A string after its length.
    pub(super) fn counted(&mut self, string: &[u8]) {
        self.count(string.len());
        self.raw(string);
    }
}
