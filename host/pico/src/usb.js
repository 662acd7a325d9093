// The other end of the board's USB cable: a host that finds the serial port (CDC-ACM), opens it, and moves bytes.
//
// The chip's library has such a host too, but it answers each read of the board at once with an empty packet where it
// has nothing to say, which a real host never does: the board would be woken a hundred thousand times a second. So here
// a read waits until there is something; and for so long, the buffer is the controller's, which the library forgets.

import { DataDirection, SetupRecipient, SetupRequest, SetupType, createSetupPacket } from 'rp2040js';

const DESCRIPTOR_CONFIGURATION = 2;
const DESCRIPTOR_INTERFACE = 4;
const DESCRIPTOR_ENDPOINT = 5;
const HEADER_LEN = 9;
const CLASS_CDC_DATA = 10;
const BULK = 2;
const SET_CONTROL_LINE_STATE = 0x22;
const DTR_AND_RTS = 3;
/** Where the chip's memory has an endpoint's buffer control for data from the host, and its bit "the controller's". */
const OUT_BUFFER_CONTROL = 0x84;
const AVAILABLE = 1 << 10;
/** No configuration of a board like this is longer. */
const MAX_DESCRIPTORS = 1024;

/** The host side of one connection; a chip that starts anew wants a new one. */
export class UsbSerial {
  /**
   * @param {import('rp2040js').RPUSBController} usb the chip's controller
   * @param {(bytes: Uint8Array) => void} onData what the board sends
   * @param {() => void} onOpen the port is open
   */
  constructor(usb, onData, onOpen) {
    this.usb = usb;
    this.onData = onData;
    this.onOpen = onOpen;
    this.open = false;
    this.step = 'address';
    this.descriptors = [];
    this.total = 0;
    this.endpoints = { in: -1, out: -1 };
    /** Bytes for the board. */
    this.queue = [];
    /** The most that the board takes now; 0 while it does not listen. */
    this.listening = 0;
    usb.onUSBEnabled = () => usb.resetDevice();
    usb.onResetReceived = () => {
      this.step = 'address';
      this.#standard(SetupRequest.SetAddress, DataDirection.HostToDevice, 1, 0);
    };
    usb.onEndpointWrite = (endpoint, bytes) => this.#received(endpoint, bytes);
    usb.onEndpointRead = (endpoint, size) => {
      if (endpoint === this.endpoints.out) {
        this.listening = size;
        this.#setAvailable(endpoint, true);
        this.#send();
      }
    };
    const finish = usb.finishRead;
    usb.finishRead = (endpoint, bytes) => {
      this.#setAvailable(endpoint, false);
      finish.call(usb, endpoint, bytes);
    };
  }

  /** Bytes to the board, as soon as it takes them. */
  write(bytes) {
    for (const byte of bytes) {
      this.queue.push(byte);
    }
    this.#send();
  }

  #send() {
    if (!this.open || this.listening === 0 || this.queue.length === 0) {
      return;
    }
    const packet = Uint8Array.from(this.queue.splice(0, this.listening));
    this.listening = 0;
    this.usb.endpointReadDone(this.endpoints.out, packet);
  }

  #setAvailable(endpoint, available) {
    const view = this.usb.rp2040.usbDPRAMView;
    const at = OUT_BUFFER_CONTROL + 8 * endpoint;
    const control = view.getUint32(at, true);
    view.setUint32(at, available ? control | AVAILABLE : control & ~AVAILABLE, true);
  }

  #received(endpoint, bytes) {
    if (endpoint === 0) {
      this.#control(bytes);
    } else if (endpoint === this.endpoints.in && bytes.length > 0) {
      this.onData(bytes);
    }
  }

  /** Each answer on endpoint 0 leads to the next request. */
  #control(bytes) {
    switch (this.step) {
      case 'address':
        if (bytes.length === 0) {
          this.step = 'header';
          this.#descriptors(HEADER_LEN);
        }
        break;
      case 'header':
        if (bytes.length === HEADER_LEN && bytes[1] === DESCRIPTOR_CONFIGURATION) {
          this.total = Math.min(bytes[2] | (bytes[3] << 8), MAX_DESCRIPTORS);
          this.descriptors = [];
          this.step = 'descriptors';
          this.#descriptors(this.total);
        }
        break;
      case 'descriptors':
        this.descriptors.push(...bytes);
        if (this.descriptors.length >= this.total) {
          this.endpoints = serialEndpoints(this.descriptors);
          this.step = 'configure';
          this.#standard(SetupRequest.SetDeviceConfiguration, DataDirection.HostToDevice, 1, 0);
        }
        break;
      case 'configure':
        if (bytes.length === 0) {
          this.step = 'open';
          this.usb.sendSetupPacket(
            createSetupPacket({
              dataDirection: DataDirection.HostToDevice,
              type: SetupType.Class,
              recipient: SetupRecipient.Interface,
              bRequest: SET_CONTROL_LINE_STATE,
              wValue: DTR_AND_RTS,
              wIndex: 0,
              wLength: 0,
            }),
          );
        }
        break;
      case 'open':
        if (bytes.length === 0 && !this.open) {
          this.open = true;
          this.onOpen();
          this.#send();
        }
        break;
    }
  }

  #descriptors(length) {
    this.#standard(SetupRequest.GetDescriptor, DataDirection.DeviceToHost, DESCRIPTOR_CONFIGURATION << 8, length);
  }

  #standard(bRequest, dataDirection, wValue, wLength) {
    this.usb.sendSetupPacket(
      createSetupPacket({
        dataDirection,
        type: SetupType.Standard,
        recipient: SetupRecipient.Device,
        bRequest,
        wValue,
        wIndex: 0,
        wLength,
      }),
    );
  }
}

/** The two bulk endpoints of the first data interface, -1 where there is none. */
export function serialEndpoints(descriptors) {
  const found = { in: -1, out: -1 };
  let inData = false;
  for (let at = 0; at + 2 <= descriptors.length; ) {
    const [length, type] = [descriptors[at], descriptors[at + 1]];
    if (length < 2 || at + length > descriptors.length) {
      break;
    }
    if (type === DESCRIPTOR_INTERFACE && length >= 9) {
      inData = descriptors[at + 5] === CLASS_CDC_DATA;
    } else if (type === DESCRIPTOR_ENDPOINT && length >= 7 && inData && (descriptors[at + 3] & 3) === BULK) {
      const address = descriptors[at + 2];
      const direction = address & 0x80 ? 'in' : 'out';
      if (found[direction] < 0) {
        found[direction] = address & 0xf;
      }
    }
    at += length;
  }
  return found;
}
