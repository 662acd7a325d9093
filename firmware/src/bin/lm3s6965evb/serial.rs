//! UART0 at 115200 baud: an interrupt puts received bytes into a queue, so that none is lost while
//! a picture is computed.

use crate::mmio::{PORT_A, RCGC1, RCGC2, uart0};
use core::cell::RefCell;
use core::fmt;
use critical_section::Mutex;
use firmware::app;
use heapless::spsc::{Consumer, Producer, Queue};

/// Received bytes that wait: a frame may come whole while a picture is computed.
pub type ReceiveQueue = Queue<u8, 512>;

const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;

/// Interrupts: bytes received, and bytes left after a pause.
const RECEIVE: u32 = 1 << 4 | 1 << 6;

static RECEIVED: Mutex<RefCell<Option<Producer<'static, u8>>>> = Mutex::new(RefCell::new(None));

/// The serial line.
pub struct Serial {
    received: Consumer<'static, u8>,
}

impl Serial {
    /// Sets the UART up. Its interrupt is for the caller to unmask.
    pub fn new(queue: &'static mut ReceiveQueue) -> Self {
        let (producer, received) = queue.split();
        critical_section::with(|token| RECEIVED.borrow(token).replace(Some(producer)));
        RCGC1.set(1);
        RCGC2.set(1);
        PORT_A.alternate().set(0b11);
        PORT_A.digital().set(0b11);
        uart0::CTL.write(0);
        // 12 MHz / (16 * 115200) = 6 + 33 / 64.
        uart0::IBRD.write(6);
        uart0::FBRD.write(33);
        // Eight bits, no parity, one stop bit, FIFOs.
        uart0::LCRH.write(0x70);
        uart0::IM.write(RECEIVE);
        uart0::CTL.write(0x301);
        Self { received }
    }

    /// The next byte received.
    pub fn next(&mut self) -> Option<u8> {
        if self.received.is_empty() {
            // Where the queue was full, the rest waits in the UART, its interrupt off.
            receive();
        }
        self.received.dequeue()
    }

    /// Whether no byte waits.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty() && uart0::FR.read() & RECEIVE_EMPTY != 0
    }
}

/// Moves what the UART holds into the queue. Where that is full, the interrupt is switched off: the
/// UART keeps what fits it and a host that listens to flow control waits.
pub fn receive() {
    critical_section::with(|token| {
        let mut producer = RECEIVED.borrow_ref_mut(token);
        let Some(producer) = producer.as_mut() else {
            return;
        };
        uart0::ICR.write(RECEIVE);
        while uart0::FR.read() & RECEIVE_EMPTY == 0 {
            if !producer.ready() {
                uart0::IM.clear(RECEIVE);
                return;
            }
            // The lower eight bits; the upper tell of line errors, and a wrong byte makes a wrong
            // line, which is answered.
            let _ = producer.enqueue(uart0::DR.read() as u8);
        }
        uart0::IM.set(RECEIVE);
    });
}

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        app::Serial::send(self, text.as_bytes())
    }
}

impl app::Serial for Serial {
    fn send(&mut self, bytes: &[u8]) -> fmt::Result {
        for &byte in bytes {
            while uart0::FR.read() & TRANSMIT_FULL != 0 {}
            uart0::DR.write(u32::from(byte));
        }
        Ok(())
    }
}
