//! USART1 at 115200 baud on PA9 (out) and PA10 (in): an interrupt puts received bytes into a queue,
//! so that none is lost while a picture is computed.

use crate::mmio::{GPIOA_AFRH, GPIOA_MODER, RCC_AHB1ENR, RCC_APB2ENR, usart1};
use core::cell::RefCell;
use core::fmt;
use critical_section::Mutex;
use firmware::app;
use heapless::spsc::{Consumer, Producer, Queue};

/// Received bytes that wait: a frame may come whole while a picture is computed.
pub type ReceiveQueue = Queue<u8, 512>;

const RECEIVED_BYTE: u32 = 1 << 5;
const TRANSMIT_EMPTY: u32 = 1 << 7;

/// The interrupt for [`RECEIVED_BYTE`].
const RECEIVE_INTERRUPT: u32 = 1 << 5;

static RECEIVED: Mutex<RefCell<Option<Producer<'static, u8>>>> = Mutex::new(RefCell::new(None));

/// The serial line.
pub struct Serial {
    received: Consumer<'static, u8>,
}

impl Serial {
    /// Sets the USART up. Its interrupt is for the caller to unmask.
    pub fn new(queue: &'static mut ReceiveQueue) -> Self {
        let (producer, received) = queue.split();
        critical_section::with(|token| RECEIVED.borrow(token).replace(Some(producer)));
        RCC_AHB1ENR.change(1, 1);
        RCC_APB2ENR.change(1 << 4, 1 << 4);
        // PA9 and PA10 are USART1's, alternate function 7.
        GPIOA_AFRH.change(0xFF0, 0x770);
        GPIOA_MODER.change(0xF << 18, 0xA << 18);
        // 16 MHz / 115200 = 138.9, in sixteenths of a bit's time.
        usart1::BRR.write(139);
        // On, transmitter and receiver, eight bits, no parity.
        usart1::CR1.write(1 << 13 | 1 << 3 | 1 << 2 | RECEIVE_INTERRUPT);
        Self { received }
    }

    /// The next byte received.
    pub fn next(&mut self) -> Option<u8> {
        if self.received.is_empty() {
            // Where the queue was full, the rest waits in the USART, its interrupt off.
            receive();
        }
        self.received.dequeue()
    }

    /// Whether no byte waits.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty() && usart1::SR.read() & RECEIVED_BYTE == 0
    }
}

/// Moves what the USART holds into the queue; where that is full, the interrupt is switched off
/// until it has space.
pub fn receive() {
    critical_section::with(|token| {
        let mut producer = RECEIVED.borrow_ref_mut(token);
        let Some(producer) = producer.as_mut() else {
            return;
        };
        while usart1::SR.read() & RECEIVED_BYTE != 0 {
            if !producer.ready() {
                usart1::CR1.change(RECEIVE_INTERRUPT, 0);
                return;
            }
            // Eight bits; a wrong byte makes a wrong line, which is answered.
            let _ = producer.enqueue(usart1::DR.read() as u8);
        }
        usart1::CR1.change(RECEIVE_INTERRUPT, RECEIVE_INTERRUPT);
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
            while usart1::SR.read() & TRANSMIT_EMPTY == 0 {}
            usart1::DR.write(u32::from(byte));
        }
        Ok(())
    }
}
