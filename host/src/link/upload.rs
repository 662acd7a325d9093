//! Putting a model into a device's slot.

use super::client::{Client, LONG, SHORT};
use super::error::LinkError;
use shared::image::Image;
use shared::protocol::{BLOCK_LEN, Hello, Refusal, Reply, Request, Source};
use std::time::{Duration, Instant};

/// How long a device may take until it runs what it was given.
const RESTART_LIMIT: Duration = Duration::from_secs(60);

/// Time between two looks at a device that starts.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The device runs the model now.
    Uploaded,
    /// It did already; nothing was written.
    AlreadyThere,
}

/// Uploads a model image and waits until the device runs it. `progress` is told of bytes that are there, and of all.
///
/// Whatever goes wrong on the way, the device goes on with the model that it ran; a device whose slot has a single bank,
/// with its built-in one.
///
/// # Errors
/// [`LinkError`]: the file is no image, the device refuses it, or the line fails.
pub fn upload(
    client: &mut Client,
    image: &[u8],
    mut progress: impl FnMut(usize, usize),
) -> Result<Outcome, LinkError> {
    let crc = Image::new_checked(image)?.crc();
    let hello = client.hello()?;
    let in_slot = |hello: &Hello<String>| hello.source != Source::BuiltIn;
    if hello.image_crc == crc && in_slot(&hello) {
        return Ok(Outcome::AlreadyThere);
    }
    if hello.banks == 0 {
        return Err(Refusal::NoSlot.into());
    }
    // An image has at most 16 MiB.
    let len = image.len() as u32;
    let capacity = hello.slot_capacity;
    if len > capacity {
        return Err(Refusal::TooLong { len, capacity }.into());
    }
    if hello.banks == 1 && in_slot(&hello) {
        release(client)?;
        wait(client, |hello| !in_slot(hello))?;
    }
    let expected = "that an upload was begun";
    let begin = Request::Begin { len, crc };
    let begun = |reply: Reply<'_>| match reply {
        Reply::Begun { offset } => Some(offset as usize),
        _ => None,
    };
    let mut offset = client.ask(&begin, expected, SHORT, begun)?;
    progress(offset, image.len());
    while let Some(bytes) = image.get(offset..).filter(|bytes| !bytes.is_empty()) {
        let bytes = bytes.get(..BLOCK_LEN).unwrap_or(bytes);
        offset = block(client, offset, bytes)?;
        progress(offset, image.len());
    }
    let finished = client.ask(
        &Request::Finish,
        "that the upload is finished",
        LONG,
        |reply| (reply == Reply::Finished { crc }).then_some(()),
    );
    match finished {
        // Where the first answer was lost, the device has started anew and knows nothing of an upload.
        Ok(()) | Err(LinkError::Refused(Refusal::NotBegun)) => {}
        Err(error) => return Err(error),
    }
    wait(client, |hello| hello.image_crc == crc && in_slot(hello))?;
    Ok(Outcome::Uploaded)
}

/// Lets the device go on with its built-in model.
fn release(client: &mut Client) -> Result<(), LinkError> {
    client.ask(
        &Request::Release,
        "that the slot is released",
        SHORT,
        |reply| (reply == Reply::Released).then_some(()),
    )
}

/// Sends a block; gives the offset of the next.
fn block(client: &mut Client, offset: usize, bytes: &[u8]) -> Result<usize, LinkError> {
    let request = Request::Block {
        offset: offset as u32,
        bytes,
    };
    let end = offset + bytes.len();
    client.ask(&request, "that a block is written", SHORT, |reply| {
        let written = Reply::Written { offset: end as u32 };
        (reply == written).then_some(end)
    })
}

/// Waits until the device is as it should be.
fn wait(client: &mut Client, good: impl Fn(&Hello<String>) -> bool) -> Result<(), LinkError> {
    let deadline = Instant::now() + RESTART_LIMIT;
    loop {
        let hello = client.hello()?;
        if good(&hello) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(LinkError::NotRunning { slot: hello.slot });
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
