//! Which model runs.

use super::bank::Bank;
use super::check::{Limits, check};
use super::record::{Record, image_bytes};
use super::upload::Upload;
use crate::engine::{Engine, Observer, SelfTestError};
use crate::text::decimal;
use shared::image::{Image, ImageError};
use shared::protocol::{Refusal, SlotState, Source};

/// What to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// The newest good model.
    #[default]
    Newest,
    /// The built-in model: the slot was released, or its model has just hung the device.
    BuiltIn,
}

/// A model that was chosen, and why.
#[derive(Debug, Clone)]
pub struct Running<'b> {
    /// The engine that runs it.
    pub engine: Engine<'b>,
    /// What its self-test gave. A model from the slot passed it.
    pub self_test: Result<usize, SelfTestError<'b>>,
    /// Where it is.
    pub source: Source,
    /// What the slot holds: the reason where the built-in model runs.
    pub slot: SlotState,
}

/// The built-in model cannot run: the program was built with a wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    /// It is no image. The reason is not in the message: whoever built the program was told, and
    /// the messages of all that can be wrong with an image take 4 KB of flash.
    #[error(
        "the model is damaged or for another firmware; build the firmware again, with its model"
    )]
    Image(#[source] ImageError),
    /// It is too large.
    #[error(
        "the model needs an arena of {} bytes, this board has {}; export a smaller one",
        decimal(*.needed), decimal(*.available)
    )]
    Arena {
        /// What the image states.
        needed: usize,
        /// What the board has.
        available: usize,
    },
}

impl<'b> Running<'b> {
    /// Checks and tests the built-in model.
    ///
    /// # Errors
    /// [`BootError`] where it cannot run. A failed self-test is no error: it is shown.
    // Not inlined: its copies of the image's parts would stay on the stack of a main function that
    // never returns.
    #[inline(never)]
    pub fn built_in(
        image: &'b [u8],
        slot: SlotState,
        arena: &mut [i8],
        observer: &mut dyn Observer,
    ) -> Result<Self, BootError> {
        let image = Image::new_checked(image).map_err(BootError::Image)?;
        let (needed, available) = (image.arena_len(), arena.len());
        if needed > available {
            return Err(BootError::Arena { needed, available });
        }
        let engine = Engine::new(image);
        Ok(Self {
            self_test: engine.self_test_observed(arena, observer),
            engine,
            source: Source::BuiltIn,
            slot,
        })
    }
}

/// Chooses a model: of the banks' the newest that is good, else the built-in one. Lends its bank to
/// the engine, and another, the one that is missed least, to the upload.
///
/// The observer sees layers alone, as [`Engine::self_test_observed`] has it.
///
/// # Errors
/// [`BootError`] where no bank holds a good model and the built-in one cannot run.
pub fn boot<'b, B: Bank>(
    banks: &'b mut [B],
    built_in: &'b [u8],
    limits: Limits,
    start: Start,
    arena: &mut [i8],
    observer: &mut dyn Observer,
) -> Result<(Running<'b>, Upload<'b, B>), BootError> {
    let newest = newest(banks, |_, _| true);
    let sequence = newest.map_or(0, |(_, record)| record.sequence.wrapping_add(1));
    let (chosen, slot) = match start {
        Start::BuiltIn if newest.is_some() => (None, SlotState::Released),
        _ => choose(banks, &limits, arena, observer),
    };
    let running = chosen.map(|(index, ..)| index);
    let spare = spare(banks, running);
    let count = u8::try_from(banks.len()).unwrap_or(u8::MAX);

    let (mut lent, mut upload) = (None, None);
    for (index, bank) in banks.iter_mut().enumerate() {
        if Some(index) == running {
            lent = Some(&*bank);
        } else if Some(index) == spare {
            upload = Some(bank);
        }
    }
    let upload = Upload::new(
        upload,
        count,
        lent.map(super::record::capacity),
        sequence,
        limits,
    );
    // The second look at a good image: the first had a shorter loan.
    if let Some((index, record, goldens)) = chosen
        && let Some(bytes) = lent.and_then(|bank| image_bytes(bank, record.len))
        && let Ok(image) = Image::new_checked(bytes)
    {
        let running = Running {
            engine: Engine::new(image),
            self_test: Ok(goldens),
            source: Source::Bank(u8::try_from(index).unwrap_or(u8::MAX)),
            slot,
        };
        return Ok((running, upload));
    }
    let running = Running::built_in(built_in, slot, arena, observer)?;
    Ok((running, upload))
}

/// A bank that was chosen: its index, its record, and the golden vectors of its image.
type Chosen = (usize, Record, usize);

fn choose<B: Bank>(
    banks: &[B],
    limits: &Limits,
    arena: &mut [i8],
    observer: &mut dyn Observer,
) -> (Option<Chosen>, SlotState) {
    let mut refused: Option<Refusal> = None;
    let mut before: Option<(usize, Record)> = None;
    // From the newest to the oldest; of equally new ones, which only another writer makes, from the
    // first.
    while let Some((index, record)) = newest(banks, |index, record| {
        before.is_none_or(|(tried, before)| {
            before.is_newer(record) || (before.sequence == record.sequence && index > tried)
        })
    }) {
        let checked = banks
            .get(index)
            .and_then(|bank| image_bytes(bank, record.len))
            .ok_or(Refusal::Image)
            .and_then(|bytes| check(bytes, record.crc, limits, arena, observer));
        match checked {
            Ok(goldens) => {
                let slot = refused.map_or(SlotState::Running, SlotState::Refused);
                return (Some((index, record, goldens)), slot);
            }
            Err(reason) => {
                refused.get_or_insert(reason);
            }
        }
        before = Some((index, record));
    }
    let slot = match refused {
        Some(reason) => SlotState::Refused(reason),
        None if banks.is_empty() => SlotState::Absent,
        None => SlotState::Empty,
    };
    (None, slot)
}

/// The newest record among those that `counts`, and its bank.
fn newest<B: Bank>(banks: &[B], counts: impl Fn(usize, Record) -> bool) -> Option<(usize, Record)> {
    let records = banks.iter().enumerate();
    records
        .filter_map(|(index, bank)| Some((index, Record::read(bank)?)))
        .filter(|&(index, record)| counts(index, record))
        .reduce(|best, next| if next.1.is_newer(best.1) { next } else { best })
}

/// The bank to overwrite: not that of the running model; one that holds nothing, else the oldest.
fn spare<B: Bank>(banks: &[B], running: Option<usize>) -> Option<usize> {
    let others = banks
        .iter()
        .enumerate()
        .filter(|&(index, _)| Some(index) != running);
    others
        .map(|(index, bank)| (index, Record::read(bank)))
        .reduce(|best, next| match (best.1, next.1) {
            (None, _) => best,
            (Some(_), None) => next,
            (Some(a), Some(b)) if a.is_newer(b) => next,
            (Some(_), Some(_)) => best,
        })
        .map(|(index, _)| index)
}
