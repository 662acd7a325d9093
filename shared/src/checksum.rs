//! The one checksum of images, layers and golden vectors: CRC-32 as in Ethernet and zip
//! (CRC-32/ISO-HDLC).

#[cfg(not(target_os = "none"))]
use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// The sixteen tables of 1 KB that a PC has room for: ten times as fast as with one.
#[cfg(not(target_os = "none"))]
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// The checksum of bytes.
pub fn of_bytes(bytes: &[u8]) -> u32 {
    #[cfg(not(target_os = "none"))]
    return CRC.checksum(bytes);
    #[cfg(target_os = "none")]
    {
        let mut digest = Small::new();
        digest.update(bytes);
        digest.finalize()
    }
}

/// The checksum of a layer's output: its elements as bytes, in order.
pub fn of_activations(activations: &[i8]) -> u32 {
    of_bytes(bytemuck::cast_slice(activations))
}

/// The checksum of several tensors, one after the other.
pub struct Running(
    #[cfg(not(target_os = "none"))] crc::Digest<'static, u32, Table<16>>,
    #[cfg(target_os = "none")] Small,
);

impl Running {
    /// The checksum of nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "a running checksum is begun on purpose"
    )]
    pub fn new() -> Self {
        Self(digest())
    }

    /// Goes on with a tensor's elements.
    pub fn update(&mut self, activations: &[i8]) {
        self.0.update(bytemuck::cast_slice(activations));
    }

    /// The checksum of all that was given.
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

/// A checksum over several pieces.
#[cfg(not(target_os = "none"))]
pub(crate) fn digest() -> crc::Digest<'static, u32, Table<16>> {
    CRC.digest()
}

/// A checksum over several pieces.
#[cfg(target_os = "none")]
pub(crate) fn digest() -> Small {
    Small::new()
}

/// The same checksum where flash is dear: with a table of 64 bytes, for half a byte, instead of 1
/// KB. A byte takes two steps.
#[cfg(any(test, target_os = "none"))]
pub(crate) struct Small(u32);

#[cfg(any(test, target_os = "none"))]
impl Small {
    /// The polynomial of the algorithm, bits reversed, times what half a byte can hold.
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut i = 0;
        while i < 16 {
            let mut crc = i as u32;
            let mut bit = 0;
            while bit < 4 {
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB8_8320);
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };

    fn new() -> Self {
        Self(u32::MAX)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        let half = |crc: u32| (crc >> 4) ^ Self::TABLE[(crc & 15) as usize];
        self.0 = bytes
            .iter()
            .fold(self.0, |crc, &byte| half(half(crc ^ u32::from(byte))));
    }

    pub fn finalize(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(super::of_bytes(b"123456789"), 0xCBF4_3926);
        assert_eq!(
            super::of_activations(&[-1, 0, 1]),
            super::of_bytes(&[255, 0, 1])
        );
    }

    #[test]
    fn tensors_one_after_the_other_are_one() {
        let mut running = super::Running::new();
        running.update(&[1, -2]);
        running.update(&[]);
        running.update(&[3]);
        assert_eq!(running.finish(), super::of_activations(&[1, -2, 3]));
    }

    #[test]
    fn the_small_one_is_the_same() {
        let bytes: [u8; 1000] = core::array::from_fn(|i| (i * i / 7) as u8);
        for len in [0, 1, 15, 16, 17, 255, 1000] {
            let bytes = &bytes[..len];
            let (first, second) = bytes.split_at(len / 3);
            let mut small = super::Small::new();
            small.update(first);
            small.update(second);
            assert_eq!(small.finalize(), super::of_bytes(bytes));
        }
    }
}
