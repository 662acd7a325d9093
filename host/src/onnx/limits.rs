//! A walk over a file's wire format before it is decoded, so that a small hostile file cannot
//! become a large structure.
//!
//! Protocol buffers decode an empty message of two bytes into a struct of hundreds. Counting first
//! bounds what decoding may allocate to a small multiple of the file. Encoding: protobuf.dev,
//! "Encoding", section "Message Structure".

/// The most fields of a file, tensor contents not counted: a generator of 100 layers has some
/// thousands.
pub const MAX_FIELDS: usize = 200_000;

/// The most bytes of a packed list of integers: shapes and permutations, not weights.
const MAX_PACKED_INTEGERS: usize = 1 << 16;

/// What is wrong with the wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// A field reaches beyond the end of what holds it.
    #[error("it is cut or damaged at byte {0}")]
    Cut(usize),
    /// Too many fields.
    #[error("it has more than {MAX_FIELDS} fields")]
    TooMany,
    /// A list of integers that is longer than any shape.
    #[error("a list of integers has {0} bytes, over the limit of {MAX_PACKED_INTEGERS}")]
    LongList(usize),
}

/// The messages that hold others.
#[derive(Clone, Copy)]
enum WireType {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
}

/// Counts the fields of a model.
///
/// # Errors
/// [`WireFault`], which names the first byte that cannot be read.
pub fn check(bytes: &[u8]) -> Result<(), WireFault> {
    let mut left = MAX_FIELDS;
    walk(bytes, 0, WireType::Model, &mut left)
}

/// Recursion ends: every [`WireType`] holds only later ones.
fn walk(bytes: &[u8], base: usize, kind: WireType, left: &mut usize) -> Result<(), WireFault> {
    let mut at = 0;
    while at < bytes.len() {
        let cut = WireFault::Cut(base + at);
        *left = left.checked_sub(1).ok_or(WireFault::TooMany)?;
        let tag = varint(bytes, &mut at).ok_or(cut)?;
        let len = match tag & 7 {
            0 => {
                varint(bytes, &mut at).ok_or(cut)?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(bytes, &mut at).ok_or(cut)?).map_err(|_| cut)?,
            5 => 4,
            _ => return Err(cut),
        };
        let end = at.checked_add(len).ok_or(cut)?;
        let content = bytes.get(at..end).ok_or(cut)?;
        let child = match (kind, tag >> 3) {
            (WireType::Model, 7) => Some(WireType::Graph),
            (WireType::Graph, 1) => Some(WireType::Node),
            (WireType::Graph, 5) | (WireType::Attribute, 5) => Some(WireType::Tensor),
            (WireType::Node, 5) => Some(WireType::Attribute),
            (WireType::Graph, 11..=13) => Some(WireType::ValueInfo),
            (WireType::ValueInfo, 2) => Some(WireType::Type),
            (WireType::Type, 1) => Some(WireType::TensorType),
            (WireType::TensorType, 2) => Some(WireType::Shape),
            (WireType::Tensor, 5) if len > 1 << 24 => return Err(WireFault::LongList(len)),
            (WireType::Tensor, 7) | (WireType::Attribute, 8) if len > MAX_PACKED_INTEGERS => {
                return Err(WireFault::LongList(len));
            }
            _ => None,
        };
        if tag & 7 == 2
            && let Some(child) = child
        {
            walk(content, base + at, child, left)?;
        }
        at = end;
    }
    Ok(())
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::proto::{GraphProto, ModelProto, NodeProto};
    use super::*;
    use prost::Message;

    #[test]
    fn a_real_message_passes_and_its_truncations_do_not_overrun() {
        let model = ModelProto {
            ir_version: 8,
            graph: Some(GraphProto {
                node: vec![NodeProto::default(); 3],
                name: "g".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let bytes = model.encode_to_vec();
        assert_eq!(check(&bytes), Ok(()));
        assert_eq!(check(&bytes[..bytes.len() - 1]), Err(WireFault::Cut(2)));
    }

    #[test]
    fn a_flood_of_empty_messages_is_refused() {
        let graph: Vec<u8> = std::iter::repeat_n([0x0A, 0], MAX_FIELDS + 1)
            .flatten()
            .collect();
        let mut bytes = vec![0x3A];
        prost::encoding::encode_varint(graph.len() as u64, &mut bytes);
        bytes.extend(graph);
        assert_eq!(check(&bytes), Err(WireFault::TooMany));
    }

    #[test]
    fn a_long_list_of_integers_is_refused() {
        let tensor = super::super::proto::TensorProto {
            int64_data: vec![1; MAX_PACKED_INTEGERS + 1],
            ..Default::default()
        };
        let model = ModelProto {
            graph: Some(GraphProto {
                initializer: vec![tensor],
                ..Default::default()
            }),
            ..Default::default()
        };
        assert!(matches!(
            check(&model.encode_to_vec()),
            Err(WireFault::LongList(_))
        ));
    }
}
