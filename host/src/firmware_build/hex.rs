//! Intel HEX: pieces of memory with their addresses as text, for debug probes. Lines of `:LLAAAATT`
//! (length, the lower half of the address, type), bytes and a checksum, in hexadecimal.

use super::Segment;
use std::fmt::Write;

/// Bytes of memory in a line: what most tools write.
const LINE: usize = 16;

/// Types of lines.
const DATA: u8 = 0;
const END: u8 = 1;
const UPPER_ADDRESS: u8 = 4;

/// Makes an Intel HEX file of pieces of memory.
pub fn write(segments: &[Segment]) -> String {
    let mut file = String::new();
    // The upper half is 0 until a line says otherwise.
    let mut upper = 0;
    for segment in segments {
        let mut address = segment.address;
        let mut bytes = segment.bytes.as_slice();
        while !bytes.is_empty() {
            if address >> 16 != upper {
                upper = address >> 16;
                line(&mut file, 0, UPPER_ADDRESS, &upper.to_be_bytes()[2..]);
            }
            // No line crosses a border of 64 KB, at which the lower half starts anew.
            let room = (0x1_0000 - (address & 0xFFFF)) as usize;
            let (now, rest) = bytes.split_at(bytes.len().min(LINE).min(room));
            line(&mut file, address as u16, DATA, now);
            bytes = rest;
            // Only behind the last byte that has an address.
            address = address.wrapping_add(now.len() as u32);
        }
    }
    line(&mut file, 0, END, &[]);
    file
}

fn line(file: &mut String, address: u16, kind: u8, bytes: &[u8]) {
    let [high, low] = address.to_be_bytes();
    // At most LINE bytes.
    let head = [bytes.len() as u8, high, low, kind];
    let mut sum = 0_u8;
    file.push(':');
    for &byte in head.iter().chain(bytes) {
        sum = sum.wrapping_add(byte);
        // Strings take what they are given.
        let _ = write!(file, "{byte:02X}");
    }
    let _ = writeln!(file, "{:02X}", sum.wrapping_neg());
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// What a file puts where: a reader of its own, strict.
    pub fn read(file: &str) -> BTreeMap<u32, u8> {
        let (mut memory, mut upper, mut ended) = (BTreeMap::new(), 0, false);
        for line in file.lines() {
            assert!(!ended, "behind the end: {line}");
            let digits = line.strip_prefix(':').unwrap();
            let bytes: Vec<u8> = (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
                .collect();
            let sum = bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
            assert_eq!(sum, 0, "{line}");
            let (head, data) = bytes[..bytes.len() - 1].split_at(4);
            assert_eq!(usize::from(head[0]), data.len(), "{line}");
            let lower = u16::from_be_bytes([head[1], head[2]]);
            match (head[3], data) {
                (DATA, data) => {
                    for (at, &byte) in (0_u32..).zip(data) {
                        let lower = lower.checked_add(at as u16).unwrap();
                        let before = memory.insert(upper << 16 | u32::from(lower), byte);
                        assert_eq!(before, None, "{line}");
                    }
                }
                (UPPER_ADDRESS, &[high, low]) => upper = u32::from_be_bytes([0, 0, high, low]),
                (END, []) => ended = true,
                other => panic!("{other:?}"),
            }
        }
        assert!(ended, "no end");
        memory
    }

    #[test]
    fn a_file_is_as_the_format_says() {
        let segments = [
            Segment {
                address: 0x0100,
                bytes: b"\x21\x46\x01\x36\x01\x21\x47\x01\x36\x00\x7E\xFE\x09\xD2\x19\x01".into(),
            },
            Segment {
                address: 0x1000_FFFF,
                bytes: vec![1, 2],
            },
        ];
        // The first line is the example of the format's article in Wikipedia.
        let expected = ":10010000214601360121470136007EFE09D2190140\n:020000041000EA\n:01FFFF000100\n\
                        :020000041001E9\n:0100000002FD\n:00000001FF\n";
        assert_eq!(write(&segments), expected);
        assert_eq!(write(&[]), ":00000001FF\n");
    }

    proptest! {
        #[test]
        fn every_byte_is_at_its_place(start in any::<u32>(), len in 0usize..400, gap in 0u32..0x2_0000) {
            let bytes = |from: u8| -> Vec<u8> { (0..len).map(|at| from.wrapping_add(at as u8)).collect() };
            let start = start.min(u32::MAX - 0x3_0000);
            let segments = [
                Segment { address: start, bytes: bytes(1) },
                Segment { address: start + len as u32 + gap, bytes: bytes(7) },
            ];
            let memory = read(&write(&segments));
            let mut expected = BTreeMap::new();
            for segment in &segments {
                expected.extend((segment.address..).zip(segment.bytes.iter().copied()));
            }
            prop_assert_eq!(memory, expected);
        }
    }
}
