//! Operations as they stand in the program section: decoding with every check that does not depend
//! on other operations.

use super::fields::u16_at;
use super::sections::Sections;
use crate::op::{InputRegions, Inputs, Kind, MAX_INPUTS, Op, OpFault, Record};

/// Bytes of a record before the indices of its inputs.
pub(super) const RECORD_HEAD_LEN: usize = 10;

/// Bytes of a record before the operator's own fields: whole words.
pub(super) const fn fields_at(inputs: usize) -> usize {
    (RECORD_HEAD_LEN + 2 * inputs).next_multiple_of(4)
}

/// The operation at byte `at` of the program, and where the next one starts. Not inlined: its frame
/// is large, and the engine's is below it.
#[inline(never)]
pub(super) fn decode<'a>(sections: &Sections<'a>, at: usize) -> Result<(Op<'a>, usize), OpFault> {
    let record = sections.program.get(at..).ok_or(OpFault::Cut)?;
    let &[code, count] = record.first_chunk::<2>().ok_or(OpFault::Cut)?;
    let words = u16_at(record, 2).ok_or(OpFault::Cut)?;
    let (number, in_place) = Kind::operands(code).ok_or(OpFault::Code(code))?;
    let len = usize::from(words) * 4;
    let record = record.get(..len).ok_or(OpFault::Cut)?;
    let half = |at| u16_at(record, at).ok_or(OpFault::Short);
    let name = sections.text(half(4)?, half(6)?).ok_or(OpFault::Name)?;
    let (output, found) = (half(8)?, usize::from(count));
    let [least, most] = number;
    if found < least || found > most {
        return Err(OpFault::Inputs { found, least, most });
    }
    let mut indices = [0; MAX_INPUTS];
    let indices = indices.get_mut(..found).ok_or(OpFault::Short)?;
    for (i, index) in indices.iter_mut().enumerate() {
        *index = half(RECORD_HEAD_LEN + 2 * i)?;
    }
    let inputs = Inputs::new(indices).ok_or(OpFault::Short)?;
    let region = |index: u16| sections.region(usize::from(index));
    let to = region(output).ok_or(OpFault::NoRegion(output))?;
    for (i, &input) in indices.iter().enumerate() {
        let from = region(input).ok_or(OpFault::NoRegion(input))?;
        let takes_over = in_place && i == 0 && from.covers_the_same_bytes(&to);
        if from.overlaps(&to) && !takes_over {
            return Err(OpFault::Overlap { input, output });
        }
    }
    // Every region was found above.
    let from = InputRegions::new(&inputs, region).ok_or(OpFault::NoRegion(output))?;
    let fields_at = fields_at(found);
    let padding = record
        .get(RECORD_HEAD_LEN + 2 * found..fields_at)
        .ok_or(OpFault::Short)?;
    if let Some(&byte) = padding.iter().find(|&&byte| byte != 0) {
        return Err(OpFault::field("reserved byte", byte));
    }
    let fields = record.get(fields_at..).ok_or(OpFault::Short)?;
    let mut fields = Record::new(fields, sections.data);
    let kind = Kind::decode(code, &mut fields, &from, &to)?;
    if fields.left() > 0 {
        return Err(OpFault::Long(fields.left()));
    }
    let op = Op {
        name,
        inputs,
        output,
        kind,
    };
    Ok((op, at + len))
}
