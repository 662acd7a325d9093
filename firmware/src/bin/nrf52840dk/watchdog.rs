//! The watchdog: resets the device where nobody says that it is alive.

use core::cell::RefCell;
use critical_section::Mutex;
use embassy_nrf::wdt::WatchdogHandle;

static WATCHDOG: Mutex<RefCell<Option<WatchdogHandle>>> = Mutex::new(RefCell::new(None));

/// From now on somebody has to feed it.
pub fn begin(handle: WatchdogHandle) {
    critical_section::with(|token| WATCHDOG.borrow(token).replace(Some(handle)));
}

/// The device is alive.
pub fn feed() {
    critical_section::with(|token| {
        if let Some(handle) = WATCHDOG.borrow_ref_mut(token).as_mut() {
            handle.pet();
        }
    });
}
