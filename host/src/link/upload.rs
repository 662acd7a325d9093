//! Putting a model into a device's slot.

use super::client::{Client, Wait};
use super::error::LinkError;
use shared::image::Image;
use shared::protocol::{BLOCK_LEN, Hello, Refusal, Reply, Request, Source};
use std::time::{Duration, Instant};

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

/// Uploads a model image and waits until the device runs it. `progress` is told of bytes that are
/// there, and of all.
///
/// Whatever goes wrong on the way, the device goes on with the model that it ran; a device whose
/// slot has a single bank, with its built-in one.
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
    let mut offset = client.ask(&begin, expected, Wait::Short, begun)?;
    progress(offset, image.len());
    while let Some(bytes) = image.get(offset..).filter(|bytes| !bytes.is_empty()) {
        let bytes = bytes.get(..BLOCK_LEN).unwrap_or(bytes);
        offset = block(client, offset, bytes)?;
        progress(offset, image.len());
    }
    let finished = client.ask(
        &Request::Finish,
        "that the upload is finished",
        Wait::Long,
        |reply| (reply == Reply::Finished { crc }).then_some(()),
    );
    match finished {
        // Where the first answer was lost, the upload is over: what runs tells whether it was good.
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
        Wait::Short,
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
    client.ask(&request, "that a block is written", Wait::Short, |reply| {
        let written = Reply::Written { offset: end as u32 };
        (reply == written).then_some(end)
    })
}

/// Waits until the device is as it should be. One that tests itself before it starts is silent
/// meanwhile.
fn wait(client: &mut Client, good: impl Fn(&Hello<String>) -> bool) -> Result<(), LinkError> {
    let limit = client.limits().restart;
    let deadline = Instant::now() + limit;
    let mut last = Err(LinkError::Silent { limit });
    loop {
        match client.hello() {
            Ok(hello) if good(&hello) => return Ok(()),
            Ok(hello) => last = Ok(hello.slot),
            Err(LinkError::Silent { .. }) => {}
            Err(error) => return Err(error),
        }
        if Instant::now() >= deadline {
            return Err(match last {
                Ok(slot) => LinkError::NotRunning { slot },
                Err(silent) => silent,
            });
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
