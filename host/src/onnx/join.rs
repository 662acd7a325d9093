//! Concat: of latent vector and label, of feature maps, of anything that lies one after the other in a sample.

use super::error::NodeFault;
use super::proto::NodeProto;
use super::shape;
use super::walk::{Data, Value, Walk, int, node_name, wrong};
use crate::network::{Layer, Shape, Source};

impl Walk {
    pub(super) fn concat(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        if let Value::Constant(_) = self.value(node, 0)? {
            return self.concat_constants(node);
        }
        let parts = (0..node.input.len())
            .map(|index| self.operand(node, index))
            .collect::<Result<Vec<_>, _>>()?;
        let (Some(first), true) = (parts.first(), parts.len() <= usize::from(u8::MAX)) else {
            return Err(wrong("inputs", parts.len(), "1 to 255 of them".to_owned()));
        };
        let axis = sample_axis(int(node, "axis", 0), &first.dims)?;
        let (mut dims, rest) = (first.dims.clone(), first.dims[axis + 1..].to_vec());
        let fits = |part: &Data| {
            part.dims.len() == dims.len()
                && part.dims[..axis] == dims[..axis]
                && part.dims[axis + 1..] == rest[..]
        };
        if let Some(other) = parts.iter().find(|part| !fits(part)) {
            let expected = format!("{dims:?} but for axis {}", axis + 1);
            return Err(wrong("input", &other.dims, expected));
        }
        dims[axis] = parts
            .iter()
            .fold(0usize, |sum, part| sum.saturating_add(part.dims[axis]));
        // Along the channels, whatever the graph's axes are called.
        let of_channels = |channels: usize| Shape {
            channels,
            height: rest.first().copied().unwrap_or(1),
            width: shape::len(rest.get(1..).unwrap_or_default()),
        };
        let mut sources: Vec<Source> = Vec::with_capacity(parts.len());
        for part in &parts {
            let source = self.shaped(part, of_channels(part.dims[axis]))?;
            // The latent vector with the label behind it is what the network is given.
            if source == Source::Label && sources.last() == Some(&Source::Latent) {
                sources.pop();
                sources.push(Source::Input);
            } else {
                sources.push(source);
            }
        }
        if let [source] = sources[..] {
            return Ok(Value::Data(Data {
                source,
                dims,
                via: node_name(node),
                shared: parts.iter().any(|part| part.shared),
                index: false,
            }));
        }
        let shape = of_channels(dims[axis]);
        self.push(node, Layer::Concat, sources, shape, dims)
    }
}

/// An axis behind the batch before which a sample has no dimension but 1, counted from the first behind the batch.
fn sample_axis(axis: i64, dims: &[usize]) -> Result<usize, NodeFault> {
    let rank = dims.len() as i64 + 1;
    let positive = if axis < 0 {
        axis.saturating_add(rank)
    } else {
        axis
    };
    usize::try_from(positive)
        .ok()
        .and_then(|axis| axis.checked_sub(1))
        .filter(|&axis| axis < dims.len() && shape::len(&dims[..axis]) == 1)
        .ok_or_else(|| NodeFault::Attribute {
            name: "axis",
            value: axis.to_string(),
            expected: "1: along the channels",
        })
}
