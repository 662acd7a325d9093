//! The one checksum of images, layers and golden vectors: CRC-32 as in Ethernet and zip (CRC-32/ISO-HDLC).

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};

/// One table of 1 KB is what a small flash can spare; a PC has room for sixteen, which is ten times as fast. The checksum
/// is the same.
#[cfg(target_os = "none")]
type Tables = Table<1>;
#[cfg(not(target_os = "none"))]
type Tables = Table<16>;

static CRC: Crc<u32, Tables> = Crc::<u32, Tables>::new(&CRC_32_ISO_HDLC);

/// The checksum of bytes.
pub fn of_bytes(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// The checksum of a layer's output: its elements as bytes, in order.
pub fn of_activations(activations: &[i8]) -> u32 {
    CRC.checksum(bytemuck::cast_slice(activations))
}

/// A checksum over several pieces.
pub(crate) fn digest() -> Digest<'static, u32, Tables> {
    CRC.digest()
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
    fn the_number_of_tables_changes_nothing() {
        let small = super::Crc::<u32, super::Table<1>>::new(&super::CRC_32_ISO_HDLC);
        let bytes: [u8; 1000] = core::array::from_fn(|i| (i * i / 7) as u8);
        for len in [0, 1, 15, 16, 17, 255, 1000] {
            assert_eq!(
                small.checksum(&bytes[..len]),
                super::of_bytes(&bytes[..len])
            );
        }
    }
}
