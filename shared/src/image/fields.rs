//! Reading and writing little-endian fields, and the place of each field of the header.

/// The fields of the header by offset.
pub(super) mod header {
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 4;
    pub const HEADER_LEN: usize = 6;
    pub const TOTAL_LEN: usize = 8;
    pub const CRC: usize = 12;
    pub const ARENA_LEN: usize = 16;
    pub const LATENT_LEN: usize = 20;
    pub const CLASSES: usize = 22;
    pub const INPUT: usize = 24;
    pub const OUTPUT: usize = 26;
    pub const PIXEL_RANGE: usize = 28;
    pub const NAME: usize = 32;
    pub const CARD: usize = 36;
    pub const STRINGS: usize = 40;
    pub const REGIONS: usize = 48;
    pub const PROGRAM: usize = 56;
    pub const GOLDENS: usize = 64;
    pub const DATA: usize = 72;
}

pub(super) const REGION_LEN: usize = 12;
pub(super) const GOLDEN_HEAD_LEN: usize = 8;

/// Bytes at an offset, where there are that many.
pub(super) fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk::<N>().copied()
}

pub(super) fn u16_at(from: &[u8], at: usize) -> Option<u16> {
    bytes(from, at).map(u16::from_le_bytes)
}

pub(super) fn u32_at(from: &[u8], at: usize) -> Option<u32> {
    bytes(from, at).map(u32::from_le_bytes)
}

/// `len` bytes at `offset`, where there are that many.
pub(super) fn slice(from: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    from.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// Writes `value` at an offset, where there is room.
pub(super) fn put(into: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    into.get_mut(at..)?
        .get_mut(..value.len())?
        .copy_from_slice(value);
    Some(())
}
