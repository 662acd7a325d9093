//! What stops the device: shown on the display and in the log, then left to the debugger with a
//! failing exit status.

use crate::panel::Panel;
use core::fmt::Write;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};
use cortex_m_rt::{ExceptionFrame, exception};
use firmware::app::draw_message;
use firmware::panel::Screen;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    cortex_m::interrupt::disable();
    // A panic within this handler, or within the logger: say no more.
    if !PANICKED.swap(true, Ordering::Relaxed) {
        let mut text = heapless::String::<160>::new();
        if let Some(place) = info.location() {
            let _ = write!(text, "{}:{} ", place.file(), place.line());
        }
        let _ = write!(text, "{}", info.message());
        // Another panel object for the same wires: the program's own may be in the middle of
        // anything.
        crate::panel::connect();
        let mut panel = crate::panel::PANEL;
        let _ = panel.init();
        show("panic", &text, &mut panel);
        defmt::error!("panic: {=str}", text.as_str());
    }
    semihosting::process::exit(1)
}

// SAFETY: it only ends the program, by a panic; nothing that the fault interrupted goes on.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("hard fault at {:08x}", frame.pc())
}

/// Shows a message on the panel.
pub fn show(title: &str, text: &str, panel: &mut Panel) {
    draw_message(title, text, panel.frame_mut());
    // Its bus cannot fail.
    let _ = panel.flush();
}
