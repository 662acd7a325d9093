//! What stops the device: shown on the display and in the log, then left to the debugger with a failing exit status.

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
        show("panic", &text);
        defmt::error!("panic: {=str}", text.as_str());
    }
    semihosting::process::exit(1)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("hard fault at {:08x}", frame.pc())
}

/// Shows a message on the panel, whatever its state.
pub fn show(title: &str, text: &str) {
    let mut panel = crate::panel::panel();
    // Its bus cannot fail.
    let _ = panel.init();
    let _ = draw_message(title, text, &mut panel);
    let _ = panel.flush();
}
