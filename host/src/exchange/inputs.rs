//! The graph's inputs: which one is the latent vector and which the label.

use super::options::ReadOptions;
use crate::graph::{InputSpec, MAX_SIDE, Source};
use crate::onnx::error::OnnxError;
use crate::onnx::importer::{Data, Importer, clean};
use crate::onnx::proto::{GraphProto, NodeProto, ValueInfoProto, data_type};
use crate::onnx::{Role, shape};

/// Words in the names of labels.
const LABEL_WORDS: [&str; 5] = ["label", "class", "onehot", "one_hot", "cond"];

/// What the inputs are.
pub struct Inputs {
    /// Lengths; those of a label that is an index are not known yet.
    pub spec: InputSpec,
    /// The batch, where the file fixes it.
    pub batch: Option<usize>,
    /// Name and value of each.
    pub values: Vec<(String, Data)>,
}

/// One input, alone.
struct Input<'a> {
    name: &'a str,
    batch: Option<usize>,
    /// Dimensions of a sample.
    dims: Vec<usize>,
    /// Whether it holds whole numbers.
    index: bool,
}

impl Inputs {
    /// Reads the inputs, of which initializers are no part.
    pub fn read(
        graph: &GraphProto,
        inputs: &[&ValueInfoProto],
        options: &ReadOptions,
    ) -> Result<Self, OnnxError> {
        let most = match options.role {
            Role::Generator => 2,
            Role::Classifier => 1,
        };
        if inputs.is_empty() || inputs.len() > most {
            let listed: Vec<_> = inputs.iter().take(4).map(|i| clean(&i.name)).collect();
            let expected = match options.role {
                Role::Generator => "a latent vector, or a latent vector and a label",
                Role::Classifier => "one of pictures",
            };
            return Err(OnnxError::Input {
                name: listed.join(", "),
                why: format!("{} inputs, expected {expected}", inputs.len()),
            });
        }
        let read = inputs.iter().map(|input| one(input));
        let read = read.collect::<Result<Vec<_>, _>>()?;
        let batch = read.iter().find_map(|input| input.batch);
        let label = label(graph, &read)?;
        let mut spec = InputSpec {
            latent: 0,
            classes: 0,
        };
        let mut values = Vec::new();
        for (index, input) in read.into_iter().enumerate() {
            let len = shape::len(&input.dims);
            let source = match label {
                None => {
                    spec.classes = options.classes.unwrap_or(0);
                    let why = || {
                        let classes = spec.classes;
                        format!(
                            "it has {len} elements, too few for {classes} classes and a latent vector"
                        )
                    };
                    let latent = len.checked_sub(spec.classes).filter(|&l| l > 0);
                    spec.latent = latent.ok_or_else(|| OnnxError::Input {
                        name: clean(input.name),
                        why: why(),
                    })?;
                    Source::Input
                }
                Some(label) if label == index => {
                    if !input.index {
                        spec.classes = len;
                    }
                    Source::Label
                }
                Some(_) => {
                    spec.latent = len;
                    Source::Latent
                }
            };
            let data = Data {
                source,
                dims: input.dims,
                via: input.name.to_owned(),
                shared: true,
                index: input.index,
                turned: Vec::new(),
            };
            values.push((input.name.to_owned(), data));
        }
        Ok(Self {
            spec,
            batch,
            values,
        })
    }

    /// What the graph's nodes have shown the inputs to be.
    pub fn finish(
        &self,
        importer: &Importer,
        options: &ReadOptions,
    ) -> Result<InputSpec, OnnxError> {
        let spec = importer.input;
        for (name, data) in &self.values {
            let wrong = |why: String| OnnxError::Input {
                name: clean(name),
                why,
            };
            if !importer.uses.contains_key(name) {
                return Err(wrong("no node reads it; export without it".to_owned()));
            }
            if data.source != Source::Label {
                continue;
            }
            if spec.classes == 0 {
                return Err(wrong(
                    "it is a class's index, but no Gather of a table takes it".to_owned(),
                ));
            }
            if let Some(asked) = options.classes.filter(|&asked| asked != spec.classes) {
                let found = spec.classes;
                return Err(wrong(format!(
                    "it has {found} elements or classes, but {asked} classes were asked for"
                )));
            }
        }
        Ok(spec)
    }
}

/// Index of the label among two inputs.
fn label(graph: &GraphProto, inputs: &[Input<'_>]) -> Result<Option<usize>, OnnxError> {
    let indices = inputs.iter().filter(|input| input.index).count();
    if indices == inputs.len() {
        let names: Vec<_> = inputs.iter().map(|input| clean(input.name)).collect();
        return Err(OnnxError::Input {
            name: names.join(", "),
            why: "its elements are whole numbers, expected a latent vector of floats".to_owned(),
        });
    }
    let [first, second] = inputs else {
        return Ok(None);
    };
    let named = |input: &Input<'_>| {
        let name = input.name.to_lowercase();
        LABEL_WORDS.iter().any(|word| name.contains(word))
    };
    // Where nothing tells them apart, the label is what a Concat joins behind the latent vector.
    let joined = |node: &&NodeProto| {
        node.op_type == "Concat"
            && node.input.first().map(String::as_str) == Some(second.name)
            && node.input.get(1).map(String::as_str) == Some(first.name)
    };
    let swapped = match (first.index || named(first), second.index || named(second)) {
        (true, false) => true,
        (false, true) => false,
        _ if indices > 0 => first.index,
        _ => graph.node.iter().any(|node| joined(&node)),
    };
    Ok(Some(usize::from(!swapped)))
}

/// Type and shape of an input.
fn one(input: &ValueInfoProto) -> Result<Input<'_>, OnnxError> {
    let fail = |why: String| OnnxError::Input {
        name: clean(&input.name),
        why,
    };
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor = tensor
        .ok_or_else(|| fail("it is no tensor, expected floats of shape (N, length)".to_owned()))?;
    let index = match tensor.elem_type {
        data_type::FLOAT | data_type::FLOAT16 | data_type::DOUBLE => false,
        data_type::INT64 | data_type::INT32 => true,
        other => {
            let found = data_type::name(other);
            return Err(fail(format!(
                "its elements are {found}, expected float, or int64 for a label; export the float model"
            )));
        }
    };
    let dims = tensor
        .shape
        .as_ref()
        .map(|s| s.dim.as_slice())
        .unwrap_or_default();
    let expected = || {
        fail(if index {
            "its shape must be (N) or (N, 1): one class a sample".to_owned()
        } else {
            "its shape must be (N, length), with a fixed length; export with a free batch only"
                .to_owned()
        })
    };
    let (batch, rest) = dims.split_first().ok_or_else(expected)?;
    if (rest.is_empty() && !index) || rest.len() > 7 {
        return Err(expected());
    }
    let size = |value: i64| {
        usize::try_from(value)
            .ok()
            .filter(|d| (1..=MAX_SIDE).contains(d))
    };
    let shape: Option<Vec<usize>> = rest.iter().map(|d| d.dim_value.and_then(size)).collect();
    let shape = shape.ok_or_else(expected)?;
    let len = shape::len(&shape);
    if index && len != 1 {
        return Err(expected());
    }
    if len > MAX_SIDE {
        return Err(fail(format!(
            "it has {len} elements a sample, over the limit of {MAX_SIDE}"
        )));
    }
    Ok(Input {
        name: &input.name,
        batch: batch.dim_value.and_then(size),
        dims: shape,
        index,
    })
}
