//! The IDX format of MNIST: two zero bytes, a type byte (0x08: unsigned byte), the number of
//! dimensions, each dimension as a big-endian 32-bit number, then the elements. Source:
//! <http://yann.lecun.com/exdb/mnist/>, "the IDX file format".

/// Bytes in an IDX file, as many as its header promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx<'a> {
    /// Size of each dimension; the first counts pictures or labels.
    pub dimensions: Vec<usize>,
    /// The elements, last dimension fastest.
    pub elements: &'a [u8],
}

/// Bytes that are no IDX file of unsigned bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdxError {
    /// Fewer bytes than the header or the dimensions want.
    #[error(
        "truncated IDX data: {found} bytes, expected {expected}; download or copy the file again"
    )]
    Truncated {
        /// Bytes there.
        found: usize,
        /// Bytes that the header promises.
        expected: usize,
    },
    /// Not an IDX file of unsigned bytes.
    #[error(
        "wrong magic {found:#010x}, expected 0x0000080N (IDX, unsigned bytes, N dimensions); this is not an IDX file of pictures or labels"
    )]
    WrongMagic {
        /// The first four bytes, big-endian.
        found: u32,
    },
    /// Labels where pictures are expected, or the other way round.
    #[error(
        "{found} dimensions, expected {expected} ({what}); the files of pictures and labels may be swapped"
    )]
    WrongRank {
        /// Dimensions in the file.
        found: usize,
        /// Dimensions expected.
        expected: usize,
        /// What was expected.
        what: &'static str,
    },
    /// Sizes whose product no file can hold.
    #[error("the dimensions {dimensions:?} do not fit in memory; the header is damaged")]
    Overflow {
        /// The dimensions of the header.
        dimensions: Vec<usize>,
    },
    /// More bytes than the dimensions want.
    #[error("{extra} bytes after the last element; the header is damaged or two files were joined")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
}

/// Reads IDX data without copying an element.
///
/// # Errors
/// [`IdxError`]; nothing is allocated beyond the list of at most 255 dimensions.
pub fn parse(bytes: &[u8]) -> Result<Idx<'_>, IdxError> {
    let truncated = |expected| IdxError::Truncated {
        found: bytes.len(),
        expected,
    };
    let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(truncated(4))?;
    let [0, 0, 0x08, rank] = *magic else {
        return Err(IdxError::WrongMagic {
            found: u32::from_be_bytes(*magic),
        });
    };
    let rank = usize::from(rank);
    if rank == 0 {
        return Err(IdxError::WrongMagic {
            found: u32::from_be_bytes(*magic),
        });
    }
    let (header, elements) = rest
        .split_at_checked(4 * rank)
        .ok_or(truncated(4 + 4 * rank))?;
    let dimensions: Vec<usize> = header
        .as_chunks::<4>()
        .0
        .iter()
        .map(|size| u32::from_be_bytes(*size) as usize)
        .collect();
    let overflow = || IdxError::Overflow {
        dimensions: dimensions.clone(),
    };
    let expected = dimensions
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size))
        .ok_or_else(overflow)?;
    let expected_len = expected.checked_add(4 + 4 * rank).ok_or_else(overflow)?;
    if elements.len() < expected {
        return Err(truncated(expected_len));
    }
    if elements.len() > expected {
        return Err(IdxError::TrailingBytes {
            extra: elements.len() - expected,
        });
    }
    Ok(Idx {
        dimensions,
        elements,
    })
}

/// Reads pictures: count, height, width.
///
/// # Errors
/// [`IdxError`], [`IdxError::WrongRank`] among them.
pub fn parse_images(bytes: &[u8]) -> Result<([usize; 3], &[u8]), IdxError> {
    let idx = parse(bytes)?;
    let dimensions = idx
        .dimensions
        .as_slice()
        .try_into()
        .map_err(|_| IdxError::WrongRank {
            found: idx.dimensions.len(),
            expected: 3,
            what: "pictures: count, height, width",
        })?;
    Ok((dimensions, idx.elements))
}

/// Reads labels.
///
/// # Errors
/// [`IdxError`], [`IdxError::WrongRank`] among them.
pub fn parse_labels(bytes: &[u8]) -> Result<&[u8], IdxError> {
    let idx = parse(bytes)?;
    if idx.dimensions.len() != 1 {
        return Err(IdxError::WrongRank {
            found: idx.dimensions.len(),
            expected: 1,
            what: "labels: count",
        });
    }
    Ok(idx.elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGES: [u8; 20] = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4];

    #[test]
    fn a_small_file_is_read() {
        assert_eq!(
            parse_images(&IMAGES).unwrap(),
            ([1, 2, 2], &[1u8, 2, 3, 4][..])
        );
        assert_eq!(
            parse_labels(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9]).unwrap(),
            [7, 9]
        );
    }

    #[test]
    fn every_truncation_is_refused() {
        for len in 0..IMAGES.len() {
            let error = parse(&IMAGES[..len]).unwrap_err();
            assert!(
                matches!(error, IdxError::Truncated { .. }),
                "{len}: {error}"
            );
        }
    }

    #[test]
    fn damaged_headers_are_refused_with_the_reason() {
        let cases: [(&[u8], &str); 6] = [
            (b"\x89PNG\r\n", "wrong magic 0x89504e47"),
            (&[0, 0, 9, 1, 0, 0, 0, 0], "wrong magic"),
            (&[0, 0, 8, 0, 1], "wrong magic"),
            (
                &[
                    0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                ],
                "do not fit",
            ),
            (&[0, 0, 8, 1, 0, 0, 0, 1, 1, 2], "1 bytes after"),
            (&[0, 0, 8, 1, 255, 255, 255, 255, 1], "truncated"),
        ];
        for (bytes, expected) in cases {
            let error = parse(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn swapped_files_are_told() {
        assert!(matches!(
            parse_labels(&IMAGES),
            Err(IdxError::WrongRank { found: 3, .. })
        ));
        assert!(matches!(
            parse_images(&[0, 0, 8, 1, 0, 0, 0, 0]),
            Err(IdxError::WrongRank {
                found: 1,
                expected: 3,
                ..
            })
        ));
    }
}
