//! How a model image uses its arena: what lies where, from when to when, as a table and a chart for
//! people.

use serde::Serialize;
use shared::image::Image;
use shared::op::Region;
use std::fmt;

/// One value in the arena, from the operation that writes it to the last one that reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Name of the operation that writes it; "input" for the input.
    pub name: String,
    /// First byte.
    pub offset: u32,
    /// Number of bytes.
    pub bytes: u32,
    /// The operation that writes it, counted from 1; 0 for the input.
    pub first: usize,
    /// The last operation that reads it; one more than there are for the picture.
    pub last: usize,
}

/// An arena over the time of one picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArenaMap {
    /// What is held, in the order in which it is written.
    pub held: Vec<Held>,
    /// Names of the operations.
    pub ops: Vec<String>,
    /// Length of the arena.
    pub bytes: usize,
    /// The most bytes that are held at one time, each counted once.
    pub lower_bound: usize,
    /// The operation during which that is so, counted from 1.
    pub peak: usize,
}

impl ArenaMap {
    /// The map of an image.
    pub fn new(image: &Image<'_>) -> Self {
        let mut held = vec![Held {
            name: "input".to_owned(),
            offset: image.input().offset,
            bytes: image.input().len(),
            first: 0,
            last: 0,
        }];
        let read = |held: &mut Vec<Held>, region: &Region, at: usize| {
            let meets = |value: &&mut Held| {
                value.offset < region.end() && region.offset < value.offset + value.bytes
            };
            // Where values share bytes, the one that was written last.
            let mut newest: Vec<&mut Held> = held.iter_mut().filter(meets).collect();
            newest.sort_by_key(|value| value.first);
            if let Some(value) = newest.pop() {
                value.last = at;
            }
        };
        let mut ops = Vec::new();
        for (index, op) in image.ops().enumerate() {
            let (at, to) = (index + 1, image.region(op.output));
            let from = image.inputs_of(&op);
            from.iter().for_each(|from| read(&mut held, from, at));
            ops.push(op.name.to_owned());
            // The parts of a concatenation make one value.
            let [first, _] = op.kind.channels_written(&from, &to);
            let more = first > 0;
            let same = |value: &&mut Held| (value.offset, value.bytes) == (to.offset, to.len());
            match held.last_mut().filter(same) {
                Some(value) if more => value.last = at,
                _ => held.push(Held {
                    name: op.name.to_owned(),
                    offset: to.offset,
                    bytes: to.len(),
                    first: at,
                    last: at,
                }),
            }
        }
        let end = ops.len() + 1;
        read(&mut held, &image.output(), end);
        let (lower_bound, earliest) = (0..=end)
            .map(|at| (bytes_at(&held, at), std::cmp::Reverse(at)))
            .max()
            .unwrap_or_default();
        Self {
            held,
            ops,
            bytes: image.arena_len(),
            lower_bound,
            peak: earliest.0,
        }
    }

    fn op(&self, at: usize) -> &str {
        match at.checked_sub(1) {
            None => "start",
            Some(index) => self.ops.get(index).map_or("end", String::as_str),
        }
    }
}

/// Bytes that hold something during an operation, each counted once: a table writes where it reads.
fn bytes_at(held: &[Held], at: usize) -> usize {
    let alive = |value: &&Held| value.first <= at && at <= value.last;
    let mut spans: Vec<(u32, u32)> = held
        .iter()
        .filter(alive)
        .map(|value| (value.offset, value.offset + value.bytes))
        .collect();
    spans.sort_unstable();
    let (mut sum, mut free) = (0, 0);
    for (start, end) in spans {
        // A span is never longer than the arena, so the cast loses nothing.
        sum += end.saturating_sub(start.max(free)) as usize;
        free = free.max(end);
    }
    sum
}

/// Characters of the chart's lines: so many bytes each that the arena fits.
const CHART_WIDTH: u32 = 48;

impl fmt::Display for ArenaMap {
    /// A table with a chart: each line is the arena, and the value's bytes are filled.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let names = width(&mut self.held.iter().map(|v| v.name.chars().count())).max(6);
        let ops = width(&mut (0..=self.ops.len() + 1).map(|at| self.op(at).chars().count())).max(5);
        writeln!(
            f,
            "{:<names$} {:>7} {:>7} {:<ops$} {:<ops$}",
            "region", "offset", "bytes", "from", "to"
        )?;
        // At least one, and the arena is at most 16 MiB.
        let unit = (self.bytes as u32).div_ceil(CHART_WIDTH).max(1);
        for value in &self.held {
            let from = value.offset / unit;
            let to = (value.offset + value.bytes).div_ceil(unit);
            let end = (self.bytes as u32).div_ceil(unit);
            let chart: String = (0..end)
                .map(|at| if (from..to).contains(&at) { '#' } else { '.' })
                .collect();
            writeln!(
                f,
                "{:<names$} {:>7} {:>7} {:<ops$} {:<ops$} {chart}",
                value.name,
                value.offset,
                value.bytes,
                self.op(value.first),
                self.op(value.last)
            )?;
        }
        write!(
            f,
            "arena: {} bytes; {} are held at most, during {}",
            self.bytes,
            self.lower_bound,
            self.op(self.peak)
        )
    }
}
